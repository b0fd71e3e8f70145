"""Finds the distinct values of a column, or ranges of its numbers or times.

A *value code* is the index of a row's value (or range) among the distinct values (or
ranges) of the column.
"""

from decimal import Decimal
from itertools import compress, pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
from pyarrow import types

from mtl_cli.columns.arrow_types import (
    as_whole_numbers,
    is_number,
    is_text,
    nearest_float64,
    plain_type,
)
from mtl_cli.columns.cells import cast_to_first, empty_as_null, empty_cells
from mtl_cli.core.message_text import printable
from mtl_cli.data.split_times import TEXT_DATES
from mtl_cli.data.table import Array

MAX_DISTINCT_NUMBERS = 24  # a column with more distinct numbers is cut into ranges
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
    if is_text(cells.type):
        cells = empty_as_null(cells)
    is_empty = empty_cells(cells)
    filled = cells.filter(pa.array(~is_empty))
    if is_text(cells.type):
        times = cast_to_first(filled, TEXT_DATES)
        filled = filled if times is None else times
    dtype = filled.type
    is_amount = is_number(dtype) and not types.is_boolean(dtype)
    can_be_cut = not are_ids and (is_amount or types.is_temporal(dtype))
    if can_be_cut and len(filled.unique()) > MAX_DISTINCT_NUMBERS:
        return number_ranges(filled, is_empty)
    return distinct_values(cells)


def numbers_from_text(cells: pa.ChunkedArray) -> pa.ChunkedArray:
    """Reads cells of text as numbers if each cell is a number or empty.

    Text with leading zeros, such as 00029, is a code: such a column stays as it is.
    """
    has_leading_zero = pa.compute.match_substring_regex(cells, r"^[+-]?0\d")
    if pa.compute.any(has_leading_zero).as_py():
        return cells
    # A float64 cannot hold all long ids, so whole numbers are tried first.
    dtypes = pa.int64(), pa.uint64(), pa.float64()
    numbers = cast_to_first(empty_as_null(cells), dtypes)
    return cells if numbers is None else numbers


def number_ranges(filled: pa.ChunkedArray, is_empty: Array) -> tuple[list[str], Array]:
    """Cuts numbers or times into ranges with about equally many rows.

    Empty cells form one more range. A number that is the limit of two ranges is in the
    lower range: after `up to 3`, the range `3 to 5` has the numbers above 3.

    Args:
        filled: the numbers or times without the empty cells.
        is_empty: whether each cell of the column is empty, (rows,).

    Returns: the names of the ranges that have rows; and the index of each row's range
        among these names, (rows,).
    """
    numbers = as_whole_numbers(filled) if types.is_temporal(filled.type) else filled
    if not types.is_integer(numbers.type):
        numbers = nearest_float64(numbers)
    x = numbers.to_numpy()
    ranks = (len(x) - 1) * np.linspace(0, 1, NUM_RANGES + 1)[1:-1]
    edges = np.unique(np.sort(x)[ranks.astype("int64")])
    if types.is_temporal(filled.type):
        rows = [int(np.argmax(x == edge)) for edge in edges]
        texts = [value_text(filled[row].as_py()) for row in rows]
    else:
        texts = number_texts(edges.tolist())
    names = [f"up to {texts[0]}"]
    names += [f"{low} to {high}" for low, high in pairwise(texts)]
    names += [f"above {texts[-1]}", EMPTY]
    indices = np.full(len(is_empty), names.index(EMPTY))
    indices[~is_empty] = np.searchsorted(edges, x, side="left")
    # Ranges without rows are removed, and the remaining ranges are numbered again.
    has_rows = np.bincount(indices, minlength=len(names)) > 0
    new_index = np.cumsum(has_rows) - 1
    return list(compress(names, has_rows)), new_index[indices]


def number_texts(numbers: list[float]) -> list[str]:
    """Writes distinct numbers with the fewest digits that differ, but at least 6."""
    for num_digits in range(6, 18):
        texts = [
            value_text(x) if float(x).is_integer() else f"{x:.{num_digits}g}"
            for x in numbers
        ]
        if len(set(texts)) == len(texts):
            break
    return texts


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
    if value is None or value != value:
        return EMPTY
    if isinstance(value, float) and value.is_integer() and abs(value) <= LARGEST_EXACT:
        value = int(value)
    return printable(str(value))


def sort_key(value: object) -> tuple[bool, float, str]:
    """Returns a key that sorts numbers by size, and other values after them as text."""
    if isinstance(value, int | float | Decimal) and value == value:
        return False, float(value), ""
    return True, 0.0, str(value)
