"""Finds empty, equal, distinct and unreadable cells of a column."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mtl_cli.columns.arrow_types import is_text
from mtl_cli.core.errors import DataError

Mask = npt.NDArray[np.bool_]
# A cell, or a value in the configuration that cells are compared with.
Value = str | int | float | bool


def empty_cells(column: pa.ChunkedArray) -> Mask:
    """Returns a mask of the cells that are null or NaN, (rows,)."""
    return np.asarray(pc.is_null(column, nan_is_null=True))


def cells_equal(
    message_start: str, column: pa.ChunkedArray, value: Value, key: str
) -> Mask:
    """Returns a mask of the cells that equal a value in the configuration, (rows,).

    The value is converted to the column's type. In a column of numbers, the value "1"
    equals 1. In a column of text, the value 1 equals "1" and also "1.0", because pandas
    writes whole numbers with ".0" if some cells of their column are empty. The value
    "1" does not equal the text "1.0".

    Args:
        message_start: the task and the column, for the error message.
        column: the column to compare.
        value: the value in the configuration.
        key: the setting that holds the value, for the error message.

    Raises:
        DataError: if the column's type cannot hold the value.
    """
    if pa.types.is_null(column.type):
        return np.zeros(len(column), bool)
    if is_text(column.type) or pa.types.is_string_view(column.type):
        encoded = column.cast(pa.string()).combine_chunks().dictionary_encode()
        texts = encoded.dictionary
        if isinstance(value, int):  # "1.0" becomes "1"
            texts = pc.replace_substring_regex(texts, r"^(-?[0-9]+)\.0+$", r"\1")
        is_equal = pc.equal(texts, str(value))
        return np.asarray(pc.fill_null(is_equal.take(encoded.indices), False))
    try:
        is_equal = pc.equal(column, pa.scalar(value).cast(column.type))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise DataError(
            f"{message_start} holds {column.type}, which `{key}: {value!r}` is not; "
            f"correct `{key}`"
        ) from None
    return np.asarray(pc.fill_null(is_equal, False))


def first_failure(
    cells: pa.Array | pa.ChunkedArray, convert: Callable[[pa.Array], object]
) -> int | None:
    """Returns the index of the first cell that cannot be converted.

    Args:
        cells: the cells, (rows,).
        convert: converts some of the cells, or raises `ArrowInvalid`.

    Returns: None if all cells can be converted.
    """

    def fails(part: pa.Array) -> bool:
        try:
            convert(part)
        except pa.ArrowInvalid:
            return True
        return False

    if not fails(cells):
        return None
    low, high = 0, len(cells)  # binary search: the first failure is in cells[low:high]
    while high - low > 1:
        middle = (low + high) // 2
        if fails(cells[low:middle]):
            high = middle
        else:
            low = middle
    return low


def distinct_cells(column: pa.ChunkedArray, rows: Mask) -> list[Value]:
    """Returns the distinct values of some rows, without null and NaN.

    Args:
        column: the column to read.
        rows: a mask of the rows to read, (rows,).
    """
    # Arrow cannot filter string views, but it can encode them and filter the codes.
    encoded = column.dictionary_encode().combine_chunks()
    codes = pc.unique(encoded.indices.filter(pa.array(rows))).to_pylist()
    dictionary = encoded.dictionary.to_pylist()
    values = [dictionary[code] for code in codes if code is not None]
    # NaN is the only value that does not equal itself.
    return [value for value in values if value is not None and value == value]
