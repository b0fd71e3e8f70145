"""Finds the distinct values of a column, or ranges of its numbers.

Times are cut into ranges as numbers are. A *value code* is the index of a row's value
(or range) among the distinct values (or ranges) of the column.
"""

from decimal import Context, Decimal
from itertools import compress, pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute

from mtl_cli.columns.arrow_types import (
    as_whole_numbers,
    is_text,
    nearest_float64,
    plain_type,
)
from mtl_cli.columns.cells import cast_to_first, empty_as_null, empty_cells
from mtl_cli.core.message_text import printable
from mtl_cli.data.split_times import TEXT_DATES
from mtl_cli.data.table import Array

MAX_DISTINCT_NUMBERS = 20  # a column with more distinct numbers is cut into ranges
NUM_RANGES = 5  # the number of ranges, with about equally many rows each
LARGEST_EXACT = 2**53  # up to this size, a float64 can hold every whole number
EMPTY = "(empty)"  # the name of empty cells


def codes_of_values(cells: pa.ChunkedArray, are_ids: bool) -> tuple[list[str], Array]:
    """Finds the values of a column, and the value code of each row.

    A column with more than `MAX_DISTINCT_NUMBERS` distinct numbers or times is cut into
    ranges, unless `are_ids` says that they are ids.

    Returns: the names of the values or ranges; and the value code of each row, (rows,).
    """
    cells = cells.cast(plain_type(cells.type))
    if is_text(cells.type):  # An empty text is an empty cell.
        cells = empty_as_null(cells)
    is_empty = empty_cells(cells)
    cells_or_times = dates_from_text(cells, is_empty)
    numbers = None if are_ids else as_float64(cells_or_times, is_empty)
    if numbers is None:  # neither numbers nor times to cut into ranges
        return distinct_values(cells)
    distinct = np.unique(numbers[~is_empty])
    if len(distinct) <= MAX_DISTINCT_NUMBERS:
        return distinct_values(cells)
    return number_ranges(numbers, is_empty, cells_or_times, distinct)


def dates_from_text(cells: pa.ChunkedArray, is_empty: Array) -> pa.ChunkedArray:
    """Reads text such as 2026-01-31 12:00:00 as times; other cells stay as they are."""
    if not is_text(cells.type):
        return cells
    with_nulls = pa.compute.if_else(pa.array(is_empty), None, cells)
    times = cast_to_first(with_nulls, TEXT_DATES)
    return cells if times is None else times


def numbers_from_text(cells: pa.ChunkedArray) -> pa.ChunkedArray:
    """Reads text as numbers if each cell is a number or empty.

    Text with leading zeros, such as 00029, is a code: such a column stays as it is.
    """
    if not is_text(cells.type):
        return cells
    has_leading_zero = pa.compute.match_substring_regex(cells, r"^[+-]?0\d")
    if pa.compute.any(has_leading_zero).as_py():
        return cells
    # A float64 cannot hold all long ids, so whole numbers are tried first.
    dtypes = pa.int64(), pa.uint64(), pa.float64()
    numbers = cast_to_first(empty_as_null(cells), dtypes)
    return cells if numbers is None else numbers


def as_float64(cells: pa.ChunkedArray, is_empty: Array) -> Array | None:
    """Converts numbers or times to float64, (rows,); an empty cell becomes 0.

    Large whole numbers are converted after subtracting `offset_for_float64`.

    Returns: None if the cells are neither numbers nor times.
    """
    types = pa.types
    dtype = cells.type
    if types.is_boolean(dtype) or types.is_null(dtype) or is_text(dtype):
        return None
    if types.is_temporal(dtype):
        cells = as_whole_numbers(cells)
    offset = offset_for_float64(cells)
    if offset != 0:
        cells = pa.compute.subtract(cells, pa.scalar(offset, cells.type))
    try:
        numbers = pa.compute.fill_null(nearest_float64(cells), 0.0)
    except pa.ArrowException:  # for instance bytes
        return None
    return np.where(is_empty, 0.0, numbers.to_numpy())


def offset_for_float64(cells: pa.ChunkedArray) -> int:
    """Returns the number to subtract from whole numbers, so that float64 can hold them.

    The offset is the smallest number; or 0 if float64 can hold the numbers as they are,
    or cannot hold their distances from the smallest number either.
    """
    if not pa.types.is_integer(cells.type):
        return 0
    low, high = pa.compute.min_max(cells).as_py().values()
    if low is None or -LARGEST_EXACT <= low <= high <= LARGEST_EXACT:
        return 0
    return int(low) if high - low <= LARGEST_EXACT else 0


def number_ranges(
    numbers: Array, is_empty: Array, cells: pa.ChunkedArray, distinct: Array
) -> tuple[list[str], Array]:
    """Cuts numbers, or times as numbers, into ranges with about equally many rows.

    Empty cells form one more range. A number that is the limit of two ranges is in the
    lower range: after `up to 3`, the range `3 to 5` has the numbers above 3.

    Args:
        numbers: the numbers as `as_float64` returns them, (rows,).
        is_empty: whether each cell is empty, (rows,).
        cells: the numbers or times as the table holds them, (rows,).
        distinct: the distinct numbers, ascending.

    Returns: the names of the ranges that have rows; and the index of each row's range
        among these names, (rows,).
    """
    quantiles = np.linspace(0, 1, NUM_RANGES + 1)[1:-1]
    # The method "lower" gives values of the column. The usual interpolation between two
    # values would give NaN between -inf and inf. Adding 0.0 turns -0.0 into 0.0.
    edges = np.unique(np.quantile(numbers[~is_empty], quantiles, method="lower")) + 0.0
    if pa.types.is_temporal(cells.type):
        texts = [time_edge_text(edge, numbers, is_empty, cells) for edge in edges]
    elif offset := offset_for_float64(cells):
        texts = [str(offset + int(edge)) for edge in edges]
    else:
        texts = [edge_text(edge, distinct) for edge in edges]
    names = [f"up to {texts[0]}"]
    names += [f"{low} to {high}" for low, high in pairwise(texts)]
    names += [f"above {texts[-1]}", EMPTY]
    indices = np.searchsorted(edges, numbers, side="left")
    indices[is_empty] = names.index(EMPTY)
    # Ranges without rows are removed, and the remaining ranges are numbered again.
    has_rows = np.bincount(indices, minlength=len(names)) > 0
    new_index = np.cumsum(has_rows) - 1
    return list(compress(names, has_rows)), new_index[indices]


def edge_text(edge: float, distinct: Array) -> str:
    """Writes the upper edge of a range as a text with few digits, but at least 6.

    The number in the text may be above the edge, but is below the next number of the
    column. So the rows up to the number in the text are exactly the rows up to the
    edge. For example, the edge 1234567.8 has the text `1.23457e+06` if the next number
    is 1300000.

    Args:
        edge: the upper edge of a range, one of the numbers in `distinct`.
        distinct: the distinct numbers of the column, ascending.
    """
    position = np.searchsorted(distinct, edge, side="right")
    next_number = distinct[position] if position < len(distinct) else np.inf
    for num_digits in range(6, 17):
        text = f"{edge:.{num_digits}g}"
        if float(text) < edge:  # take the next number with as many digits
            above = Decimal(text).next_plus(Context(prec=num_digits))
            text = f"{float(above):.{num_digits}g}"
        if float(text) == edge or edge < float(text) < next_number:
            return text
    return f"{edge:.17g}"  # 17 digits tell any two numbers apart


def time_edge_text(
    edge: float, numbers: Array, is_empty: Array, cells: pa.ChunkedArray
) -> str:
    """Writes the upper edge of a range as a time with few digits.

    A timestamp is rounded up to a whole minute, second or millisecond if the result is
    before the next time of the column, as in `edge_text`. Dates, times of day and
    durations are not rounded.

    Args:
        edge: the upper edge of a range, as a number.
        numbers: the times of all rows as numbers, (rows,).
        is_empty: whether each cell is empty, (rows,).
        cells: the times as the table holds them, (rows,).
    """
    edge_time = cells[int(np.argmax((numbers == edge) & ~is_empty))]
    is_later = (numbers > edge) & ~is_empty
    if pa.types.is_timestamp(cells.type) and is_later.any():
        next_row = np.argmin(np.where(is_later, numbers, np.inf))
        # Arrow does not know the rules of every time zone, so it rounds in UTC.
        utc = pa.timestamp(cells.type.unit)
        for unit in ("minute", "second", "millisecond"):
            rounded = pa.compute.ceil_temporal(edge_time.cast(utc), unit=unit)
            if pa.compute.less(rounded, cells[int(next_row)].cast(utc)).as_py():
                time = rounded.cast(cells.type).as_py()
                return str(time.isoformat(sep=" ", timespec=f"{unit}s"))
    return value_text(edge_time.as_py())


def distinct_values(cells: pa.ChunkedArray) -> tuple[list[str], Array]:
    """Finds the distinct values of a column.

    Returns: the values as text, sorted, numbers first; and the index of each row's
        value among the texts, (rows,).
    """
    encoded = cells.combine_chunks().dictionary_encode(null_encoding="encode")
    values = encoded.dictionary.to_pylist()
    # Two values, such as None and NaN, can have the same text. Values with the same
    # text get one value code.
    texts = [value_text(value) for value in values]
    order = sorted(range(len(values)), key=lambda i: sort_key(values[i]))
    sorted_texts = dict.fromkeys(texts[i] for i in order)
    code_of_text = {text: code for code, text in enumerate(sorted_texts)}
    codes = np.array([code_of_text[text] for text in texts])
    return list(code_of_text), codes[np.asarray(encoded.indices)]


def value_text(value: Any) -> str:
    """Returns a value as text; NaN counts as empty.

    A float that is a whole number is written without decimals, because an empty cell
    turns a column of whole numbers into a column of floats.
    """
    if value is None or is_nan(value):
        return EMPTY
    if isinstance(value, float):
        is_whole = value.is_integer() and abs(value) <= LARGEST_EXACT
        value = int(value) if is_whole else value
    return printable(str(value))


def is_nan(value: object) -> bool:
    """Whether a value of any type is NaN: the only value that is unequal to itself."""
    return bool(value != value)


def sort_key(value: object) -> tuple[bool, float, str]:
    """Returns a key that sorts numbers by size, and other values after them as text."""
    if isinstance(value, int | float | Decimal) and not is_nan(value):
        return False, float(value), ""
    return True, 0.0, str(value)
