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
    """Reads the time of each row as a number.

    Raises:
        DataError: if a time is missing or is neither a number nor a date.
    """
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
        column, unit = counts_of_unit(column)
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


def counts_of_unit(column: pa.ChunkedArray) -> tuple[pa.ChunkedArray, str]:
    """Converts dates or times to int64, and dates to microseconds first.

    Returns: the numbers and the name of their unit.
    """
    if pa.types.is_date(column.type):
        column = column.cast(pa.timestamp("us"))
    unit = str(column.type)
    if pa.types.is_time32(column.type):  # Arrow casts it to int32, but not to int64
        column = column.cast(pa.int32())
    return column.cast(pa.int64()), unit


def times_from_text(
    message_start: str, column: pa.ChunkedArray, source: Source
) -> tuple[pa.ChunkedArray, str]:
    """Reads numbers or dates from text.

    Args:
        message_start: the configuration's key and the column, for messages.
        column: the texts.
        source: the rows that hold the column.

    Returns: the numbers and the name of their unit.

    Raises:
        DataError: if no type fits all texts. The message names the first row that does
            not fit the type of the rows before it.
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
