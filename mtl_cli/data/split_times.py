"""Reads the column by whose times or groups rows are split."""

from contextlib import suppress
from operator import methodcaller

import numpy as np
import pyarrow as pa

from mtl_cli.columns.arrow_types import is_id, is_number, unusable_type
from mtl_cli.columns.cells import empty_cells, first_unconvertible_cell
from mtl_cli.core.errors import DataError, shown
from mtl_cli.data.dataset import Dataset
from mtl_cli.data.sources import Source
from mtl_cli.data.table import Array

Times = tuple[Array, str]  # the time of each row as a number, and its unit


def times(dataset: Dataset, source: Source) -> Times:
    """Reads the time of each row as a number.

    Only the order of the numbers has a meaning. The times of two tables can be compared
    if their units are equal.

    Returns: the numbers, (rows,), and the name of their unit.

    Raises:
        DataError: if a time is missing or is neither a number nor a date.
    """
    column = split_column(dataset, source)
    message_start = f"dataset.split_column: '{dataset.split_column}'"
    dtype = column.type
    if unusable := unusable_type(column):
        raise DataError(
            f"{message_start} holds {unusable}; a split by time needs numbers or dates"
        )
    is_text = is_id(dtype) and not is_number(dtype) and not pa.types.is_null(dtype)
    if pa.types.is_null(dtype) or pa.types.is_decimal(dtype):
        column = column.cast(pa.float64())
    elif is_text:
        column = times_from_text(message_start, column.cast(pa.string()), source)
    elif pa.types.is_temporal(dtype):
        if pa.types.is_date(dtype):
            column = column.cast(pa.timestamp("us"))
        if pa.types.is_time32(dtype):  # Arrow casts this type to int32, not to int64
            column = column.cast(pa.int32())
        column = column.cast(pa.int64())
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
    # Dates have become microseconds. Text has become microseconds (integers) or numbers
    # (floats).
    if pa.types.is_date(dtype) or (is_text and pa.types.is_integer(column.type)):
        unit = str(pa.timestamp("us"))
    else:
        unit = str(dtype) if pa.types.is_temporal(dtype) else "number"
    return np.asarray(column), unit


def times_from_text(
    message_start: str, column: pa.ChunkedArray, source: Source
) -> pa.ChunkedArray:
    """Reads numbers or dates from text, and returns them as numbers.

    Args:
        message_start: the configuration's key and the column, for messages.
        column: the texts.
        source: the rows that hold the column.

    Raises:
        DataError: if no type fits all texts. The message names the first row that does
            not fit the type of the rows before it.
    """
    dtypes = (pa.float64(), pa.timestamp("us"), pa.timestamp("us", "UTC"))
    for dtype in dtypes:
        with suppress(pa.ArrowInvalid):
            values = column.cast(dtype)
            return values if pa.types.is_floating(dtype) else values.cast(pa.int64())
    # The first row decides which type is expected.
    failures = (
        first_unconvertible_cell(column, methodcaller("cast", dtype))
        for dtype in dtypes
    )
    index = next(filter(None, failures), 0)
    path, row = source.locate(index)
    raise DataError(
        f"{message_start}: row {row + 1} holds {shown(column[index].as_py())} "
        f"[{path}]; a split by time needs numbers or dates like 2026-01-31 12:00:00, "
        "of one form in all rows"
    )


def split_column(dataset: Dataset, source: Source) -> pa.ChunkedArray:
    """Returns all cells of the column `dataset.split_column`."""
    name = dataset.split_column
    return pa.chunked_array(
        [chunk for table in source.chunks() for chunk in table[name].chunks]
    )
