"""Finds cells of a column: empty, equal to a value, or not convertible."""

from collections.abc import Callable, Iterable
from contextlib import suppress

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mtl_cli.columns.arrow_types import is_list, is_text

Mask = npt.NDArray[np.bool_]


def empty_cells(column: pa.Array | pa.ChunkedArray) -> Mask:
    """Returns a mask of the cells that are null, NaN, an empty text or list, (rows,).

    A text file cannot tell an empty text or list from an empty cell.
    """
    is_empty = pc.is_null(column, nan_is_null=True)
    if is_text(column.type):
        is_empty = pc.or_kleene(is_empty, pc.equal(column, ""))
    elif is_list(column.type):
        is_empty = pc.or_kleene(is_empty, pc.equal(pc.list_value_length(column), 0))
    return np.asarray(is_empty)


def empty_as_null(texts: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    return pc.if_else(pc.equal(texts, ""), None, texts)


def cells_equal(column: pa.ChunkedArray, value: str | int) -> Mask:
    """Returns a mask of the cells that equal a value, (rows,).

    The value is converted to the column's type. In a column of numbers, the value "1"
    equals the cell 1. In a column of text, the value 1 equals the cells "1" and "1.0",
    because pandas writes whole numbers with ".0" if other cells of the column are
    empty. But the value "1" equals only the cell "1".

    Raises:
        ValueError: if the column's type cannot hold the value.
    """
    if empty_cells(column).all():  # the column's type may not hold the value
        return np.zeros(len(column), bool)
    if is_text(column.type):
        encoded = column.cast(pa.string()).combine_chunks().dictionary_encode()
        texts = encoded.dictionary
        if isinstance(value, int):  # "1.0" becomes "1"
            texts = pc.replace_substring_regex(texts, r"^(-?[0-9]+)\.0+$", r"\1")
        is_equal = pc.equal(texts, str(value)).take(encoded.indices)
    else:
        is_equal = numbers_equal(column, value)
    return np.asarray(pc.fill_null(is_equal, False))


def spelled_alike(column: pa.ChunkedArray, values: Iterable[str]) -> Mask:
    """Returns a mask of the text cells that equal a value but for case and blanks.

    Columns of other types have no such cells.
    """
    if not is_text(column.type):
        return np.zeros(len(column), bool)
    spellings = pc.utf8_lower(pc.utf8_trim_whitespace(column.cast(pa.string())))
    wanted = pc.utf8_lower(pc.utf8_trim_whitespace(pa.array(values, pa.string())))
    return np.asarray(pc.is_in(spellings, value_set=wanted))


def numbers_equal(column: pa.ChunkedArray, value: str | int) -> pa.ChunkedArray:
    numbers = column
    if pa.types.is_float16(column.type):  # Arrow cannot compare these numbers
        numbers = column.cast(pa.float32())
    elif pa.types.is_integer(column.type) and column.type != pa.uint64():
        # A file without large numbers may have a type that cannot hold the value.
        numbers = column.cast(pa.int64())
    try:
        # The value is cast from text, because Arrow would cast the number 2 to the
        # boolean true, and cannot cast a number to a decimal. To a float, the value is
        # cast as it is, because Arrow then refuses an integer that a float would round.
        is_float = pa.types.is_floating(numbers.type)
        scalar = pa.scalar(value if is_float else str(value))
        return pc.equal(numbers, scalar.cast(numbers.type))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OverflowError):
        message = f"holds {column.type}, so no cell can equal {value!r}"
        raise ValueError(message) from None


def first_unconvertible_cell(
    cells: pa.Array | pa.ChunkedArray,
    convert: Callable[[pa.Array | pa.ChunkedArray], object],
) -> int | None:
    """Returns the index of the first cell that cannot be converted; None if all can.

    `convert` raises `ArrowInvalid` if one of its cells cannot be converted.
    """

    def fails(start: int, stop: int) -> bool:
        try:
            convert(cells[start:stop])
        except pa.ArrowInvalid:
            return True
        return False

    low, high = 0, len(cells)
    if not fails(low, high):
        return None
    # Binary search: the first cell that cannot be converted is in cells[low:high].
    while high - low > 1:
        middle = (low + high) // 2
        if fails(low, middle):
            high = middle
        else:
            low = middle
    return low


def cast_to_first(
    texts: pa.ChunkedArray, dtypes: Iterable[pa.DataType]
) -> pa.ChunkedArray | None:
    """Converts texts to the first type that fits all texts; None if no type does."""
    for dtype in dtypes:
        with suppress(pa.ArrowInvalid):
            return texts.cast(dtype)
    return None
