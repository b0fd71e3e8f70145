"""Reads vectors: lists with the same number of numbers in each row."""

import numpy as np
import pyarrow as pa

from mtl_cli.columns.arrow_types import is_number, is_text
from mtl_cli.columns.cells import Mask
from mtl_cli.columns.lists import values_and_lengths
from mtl_cli.columns.numeric import (
    FLOAT32_MAX,
    CellError,
    Floats,
    as_numbers,
    first_wrong,
)
from mtl_cli.columns.vocabulary import Integers
from mtl_cli.core.errors import DataError
from mtl_cli.core.message_text import counted

FIX = "correct the cell or remove the row"


def read_vectors(
    name: str,
    column: pa.ChunkedArray,
    length: int,
    separator: str | None,
    accepts_empty: bool,
) -> Floats:
    """Reads the column of the feature `name` as vectors, (rows, length).

    Without a separator, only lists are read. An empty cell is null, an empty text or an
    empty list. If `accepts_empty`, an empty cell becomes a row of NaN. Otherwise, a
    `CellError` is raised.
    """
    values, lengths = values_and_lengths(name, column, separator)
    are_null = pa.types.is_null(values.type)
    if not (is_number(values.type) or is_text(values.type) or are_null):
        raise DataError(
            f"feature {name}: needs lists of numbers, but the column holds "
            f"{column.type}; convert the values to numbers"
        )
    check_lengths(name, lengths, length, separator, accepts_empty)
    is_filled = lengths > 0
    rows = np.flatnonzero(is_filled)
    x = np.full((len(lengths), length), np.nan)
    try:
        x[rows] = as_numbers(f"feature {name}", values).reshape(-1, length)
    except CellError as error:  # `error.row` is the index of a number, not of a row
        row = int(rows[error.row // length])
        raise CellError(f"feature {name}", row, error.fault, FIX) from None
    check_vectors(name, x, np.isnan(x) & is_filled[:, None], "a number")
    check_vectors(name, x, np.isinf(x), "a finite number")
    check_vectors(name, x, overflows_float32(x), "a number that fits float32")
    return x


def overflows_float32(x: Floats) -> Mask:
    # `np.abs(x)` would copy the vectors, and a copy may take gigabytes.
    result: Mask = (x > FLOAT32_MAX) | (x < -FLOAT32_MAX)
    return result


def check_lengths(
    name: str,
    lengths: Integers,
    length: int,
    separator: str | None,
    accepts_empty: bool,
) -> None:
    """Raises a `CellError` that names the first row whose list has a wrong length.

    See `read_vectors`; `lengths` are the lengths of the lists, (rows,).
    """
    is_wrong = lengths != length
    if accepts_empty:
        is_wrong &= lengths > 0
    if not (wrong := first_wrong(is_wrong)):
        return
    row, count_text = wrong
    if lengths[row]:
        fault = f"holds {counted(int(lengths[row]), 'number')}, not {length}"
        fix = "correct the cells, or the feature's length"
        fix += "" if separator is None else " or separator"
    else:
        fault = "is empty, not a vector"
        fix = (
            "fill the cells or remove the rows, or train with `missing:`, which says "
            "how to read empty cells"
        )
    raise CellError(f"feature {name}", row, fault, fix, count_text)


def check_vectors(name: str, x: Floats, is_wrong: Mask, rule: str) -> None:
    """Raises a `CellError` that names the first wrong number of the vectors x.

    `rule` says what each number must be, such as "a finite number". `x` and `is_wrong`
    are (rows, length).
    """
    if wrong := first_wrong(np.any(is_wrong, axis=1)):
        row, count_text = wrong
        number = x[row][is_wrong[row]][0]
        cell = "holds an empty number" if np.isnan(number) else f"holds {number:g}"
        raise CellError(f"feature {name}", row, f"{cell}, not {rule}", FIX, count_text)
