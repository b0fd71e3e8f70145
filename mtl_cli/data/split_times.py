"""Reads the column `dataset.split_column`: the times or groups that split the rows."""

from operator import methodcaller

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

# The types of dates that text can hold: without and with a time zone. Nanoseconds hold
# more digits of a second, but fewer years.
TEXT_DATES = [pa.timestamp(u, zone) for u in ("us", "ns") for zone in (None, "UTC")]


def read_times(dataset: Dataset, source: Source) -> tuple[Array, str]:
    """Reads the time of each row, (rows,); refuses empty cells.

    Dates are of type datetime64; other times are numbers. Also returns the kind of the
    times: only times of one kind can be compared.
    """
    column = read_split_column(dataset, source)
    message_start = f"dataset.split_column: '{dataset.split_column}'"
    times = as_times(message_start, column, source)
    empty = empty_cells(times)
    if empty.any():
        path, row = source.locate(int(np.argmax(empty)))
        raise DataError(
            f"{message_start} is empty in {int(empty.sum())} rows, the first of them "
            f"row {row + 1} [{path}]; a split by time needs the time of each row"
        )
    return np.asarray(times), kind_of_times(column.type, times.type)


def kind_of_times(column_type: pa.DataType, times_type: pa.DataType) -> str:
    """Returns the kind of the times that were read from a column, for messages."""
    if pa.types.is_timestamp(times_type):
        return f"dates with{'' if times_type.tz else 'out'} a time zone"
    # Times of the day and durations have become whole numbers, in the type's unit.
    return str(column_type) if pa.types.is_temporal(column_type) else "numbers"


def as_times(
    message_start: str, column: pa.ChunkedArray, source: Source
) -> pa.ChunkedArray:
    """Converts numbers, dates or texts to numbers or timestamps."""
    dtype = column.type
    unusable = unusable_type(column)
    if not unusable:
        # A column without any value has the type null; `read_times` refuses its cells.
        if pa.types.is_null(dtype) or pa.types.is_decimal(dtype):
            return nearest_float64(column)
        if is_text(dtype):
            return times_from_text(message_start, column.cast(pa.string()), source)
        if is_number(dtype) or pa.types.is_timestamp(dtype):
            return column
        if pa.types.is_date(dtype):
            return column.cast(pa.timestamp("ms"))
        if pa.types.is_temporal(dtype):
            return as_whole_numbers(column)
    raise DataError(
        f"{message_start} holds {unusable or dtype}; a split by time needs numbers or "
        "dates"
    )


def times_from_text(
    message_start: str, column: pa.ChunkedArray, source: Source
) -> pa.ChunkedArray:
    """Reads numbers or dates from text. All texts must have one form."""
    # Arrow's reader of CSV files also trims cells, and reads an empty text as null.
    column = empty_as_null(pc.ascii_trim(column, " \t"))
    column = pc.replace_substring_regex(column, "(:[0-9.]+) ?UTC$", r"\1Z")
    dtypes = pa.float64(), *TEXT_DATES
    times = cast_to_first(column, dtypes)
    if times is not None:
        return times
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
