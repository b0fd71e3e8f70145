"""Reads the column `dataset.split_column`: the times or groups that split the rows."""

from operator import methodcaller
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mtl_cli.columns.arrow_types import (
    as_whole_numbers,
    is_number,
    is_text,
    nearest_float64,
    unusable_type,
)
from mtl_cli.columns.cells import (
    cast_to_first,
    empty_as_null,
    empty_cells,
    first_unconvertible_cell,
)
from mtl_cli.core.errors import DataError
from mtl_cli.core.message_text import shown
from mtl_cli.data.dataset import Dataset
from mtl_cli.data.sources import Source
from mtl_cli.data.table import Array

# The types of dates that text can hold: without and with a time zone.
TEXT_DATES = pa.timestamp("us"), pa.timestamp("us", "UTC")


class Times(NamedTuple):
    """The times of rows as numbers.

    The times of two tables can be compared if their units are equal. The differences of
    numbers are durations if the unit is a timestamp. With other units, only the order
    of the numbers has a meaning.

    Attributes:
        numbers: the time of each row, (rows,).
        unit: the name of the column's Arrow type if the type holds dates or times;
            "number" for a column of numbers. Dates in text have the unit
            "timestamp[us]", with and without a time zone.
    """

    numbers: Array
    unit: str


def read_times(dataset: Dataset, source: Source) -> Times:
    """Reads the time of each row as a number.

    Raises:
        DataError: if the column holds neither numbers nor dates, or has an empty cell.
    """
    column = read_split_column(dataset, source)
    message_start = f"dataset.split_column: '{dataset.split_column}'"
    times, unit = as_times(message_start, column, source)
    empty = empty_cells(times)
    if empty.any():
        path, row = source.locate(int(np.argmax(empty)))
        raise DataError(
            f"{message_start} is empty in {int(empty.sum())} rows, the first of them "
            f"row {row + 1} [{path}]; a split by time needs the time of each row"
        )
    return Times(np.asarray(times), unit)


def as_times(
    message_start: str, column: pa.ChunkedArray, source: Source
) -> tuple[pa.ChunkedArray, str]:
    """Converts numbers, dates or texts to numbers, and returns them with their unit.

    Raises:
        DataError: if the column holds neither numbers nor dates.
    """
    dtype = column.type
    unit = "number"
    if unusable := unusable_type(column):
        raise DataError(
            f"{message_start} holds {unusable}; a split by time needs numbers or dates"
        )
    # A column without any value has the type null; `read_times` refuses its cells.
    if pa.types.is_null(dtype) or pa.types.is_decimal(dtype):
        column = nearest_float64(column)
    elif pa.types.is_temporal(dtype):
        if pa.types.is_date(dtype):
            column = column.cast(pa.timestamp("us"))
        unit = str(column.type)
        column = as_whole_numbers(column).cast(pa.int64())
    elif is_text(dtype):
        texts = column.cast(pa.string())
        column, unit = times_from_text(message_start, texts, source)
    elif not is_number(dtype):
        raise DataError(
            f"{message_start} holds {dtype}; a split by time needs numbers or dates"
        )
    return column, unit


def times_from_text(
    message_start: str, column: pa.ChunkedArray, source: Source
) -> tuple[pa.ChunkedArray, str]:
    """Reads numbers or dates from text, and returns them with their unit.

    Raises:
        DataError: if some texts are neither numbers nor dates, or have several forms.
    """
    # Arrow's reader of CSV files also trims cells, and reads an empty text as null.
    column = empty_as_null(pc.ascii_trim(column, " \t"))
    dtypes = pa.float64(), *TEXT_DATES
    times = cast_to_first(column, dtypes)
    if times is not None:
        if pa.types.is_floating(times.type):
            return times, "number"
        return times.cast(pa.int64()), str(pa.timestamp("us"))
    # Each type fails at another cell. Most likely, the column should have the type that
    # fails last, so the message names the cell at which this type fails.
    index = max(
        first_unconvertible_cell(column, methodcaller("cast", dtype)) or 0
        for dtype in dtypes
    )
    path, row = source.locate(index)
    raise DataError(
        f"{message_start}: row {row + 1} holds {shown(column[index].as_py())} "
        f"[{path}]; a split by time needs numbers or dates like 2026-01-31 12:00:00, "
        "of one form in all rows"
    )


def read_split_column(dataset: Dataset, source: Source) -> pa.ChunkedArray:
    """Reads all cells of the column `dataset.split_column`."""
    name = dataset.split_column
    return pa.chunked_array(
        [chunk for table in source.chunks() for chunk in table[name].chunks]
    )
