"""Reads the column by whose times or groups rows are split."""

from contextlib import suppress
from operator import methodcaller
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from mtl_cli.columns.arrow_types import is_id, is_number, unusable_type
from mtl_cli.columns.cells import empty_cells, first_unconvertible_cell
from mtl_cli.core.errors import DataError, shown
from mtl_cli.data.dataset import Dataset
from mtl_cli.data.sources import Source
from mtl_cli.data.table import Array

# The types of dates that text can hold: without and with a time zone.
TEXT_DATES = pa.timestamp("us"), pa.timestamp("us", "UTC")


class Times(NamedTuple):
    """The times of rows as numbers.

    Only the order of the numbers has a meaning. The times of two tables can be compared
    if their units are equal.

    Attributes:
        numbers: the time of each row, (rows,).
        unit: the name of an Arrow type of dates or times, or "number".
    """

    numbers: Array
    unit: str


def read_times(dataset: Dataset, source: Source) -> Times:
    """Reads the time of each row as a number."""
    column = split_column(dataset, source)
    message_start = f"dataset.split_column: '{dataset.split_column}'"
    dtype, unit = column.type, "number"
    if unusable := unusable_type(column):
        raise DataError(
            f"{message_start} holds {unusable}; a split by time needs numbers or dates"
        )
    if pa.types.is_null(dtype) or pa.types.is_decimal(dtype):
        column = column.cast(pa.float64())
    elif pa.types.is_temporal(dtype):
        if pa.types.is_date(dtype):
            column = column.cast(pa.timestamp("us"))
        unit = str(column.type)
        if pa.types.is_time32(dtype):  # Arrow casts it to int32, but not to int64
            column = column.cast(pa.int32())
        column = column.cast(pa.int64())
    elif is_id(dtype) and not is_number(dtype):  # text, or a dictionary
        texts = column.cast(pa.string())
        column, unit = times_from_text(message_start, texts, source)
    elif not is_number(dtype):
        raise DataError(
            f"{message_start} holds {dtype}; a split by time needs numbers or dates"
        )
    empty = empty_cells(column)
    if empty.any():
        path, row = source.locate(int(np.argmax(empty)))
        raise DataError(
            f"{message_start} is empty in {int(empty.sum())} rows, the first of them "
            f"row {row + 1} [{path}]; a split by time needs the time of each row"
        )
    return Times(np.asarray(column), unit)


def times_from_text(
    message_start: str, column: pa.ChunkedArray, source: Source
) -> tuple[pa.ChunkedArray, str]:
    """Reads numbers or dates, with the name of their unit, from text.

    If no type fits all texts, the message names the first row that does not fit.
    """
    with suppress(pa.ArrowInvalid):
        return column.cast(pa.float64()), "number"
    for dtype in TEXT_DATES:
        with suppress(pa.ArrowInvalid):
            return column.cast(dtype).cast(pa.int64()), str(pa.timestamp("us"))
    # Each type fails at a cell. The type that fails last fits the rows before best.
    index = max(
        first_unconvertible_cell(column, methodcaller("cast", dtype)) or 0
        for dtype in (pa.float64(), *TEXT_DATES)
    )
    path, row = source.locate(index)
    raise DataError(
        f"{message_start}: row {row + 1} holds {shown(column[index].as_py())} "
        f"[{path}]; a split by time needs numbers or dates like 2026-01-31 12:00:00, "
        "of one form in all rows"
    )


def split_column(dataset: Dataset, source: Source) -> pa.ChunkedArray:
    """Reads all cells of the column `dataset.split_column`."""
    name = dataset.split_column
    return pa.chunked_array(
        [chunk for table in source.chunks() for chunk in table[name].chunks]
    )
