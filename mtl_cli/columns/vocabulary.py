"""Reads categorical columns as text, and gives their values ids."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mtl_cli.columns.arrow_types import is_id, is_text, unusable_type
from mtl_cli.columns.cells import empty_as_null
from mtl_cli.core.errors import DataError

Integers = npt.NDArray[np.int64]

# The character between the values of a combination. Ordinary text does not contain this
# control character.
UNIT_SEPARATOR = "\x1f"
FIX = (
    "convert ids to whole numbers or text; or, for amounts, set the feature's kind to "
    "dense, for lists to sequence"
)
NO_ID = "(empty or rare)"  # the name of id 0; several values share this id


class Categorical(NamedTuple):
    """A column as its distinct values, and the index of each row's value.

    Attributes:
        categories: the distinct values as text, (categories,).
        codes: the index in `categories` of each row's value, (rows,); -1 where the cell
            is empty.
    """

    categories: pa.Array
    codes: Integers


def as_categorical(name: str, column: pa.ChunkedArray | pa.Array) -> Categorical:
    """Converts a column of whole numbers, booleans or text to categories of text.

    All values become text: large ids then stay exact, and the number 7 in one file
    equals the text "7" in another file. Floats must be whole numbers, and become
    integers first, because pandas stores ids as floats if some cells of the column are
    empty. An empty text is an empty cell, as in text files.
    """
    if pa.types.is_floating(column.type):
        column = whole_numbers(name, column)
    if not is_id(column.type):
        raise DataError(
            f"feature {name}: needs whole numbers or text, but the column holds "
            f"{column.type}; {FIX}"
        )
    if is_text(column.type):
        column = empty_as_null(column)
    encoded = as_array(column).dictionary_encode()
    return Categorical(encoded.dictionary.cast(pa.string()), as_codes(encoded.indices))


def whole_numbers(name: str, column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """Converts floats that are whole and exact numbers to int64, and NaN to null."""
    x = np.asarray(column.cast(pa.float64()).fill_null(np.nan), "float64")
    values = x[~np.isnan(x)]
    is_whole = np.isfinite(values) & (values == np.floor(values))
    if not is_whole.all():
        raise DataError(
            f"feature {name}: needs whole numbers or text, but the column holds "
            f"{column.type} such as {float(values[~is_whole][0])}; {FIX}"
        )
    refuse_rounded_ids(f"feature {name}", column)
    return pa.array(x, from_pandas=True).cast(pa.int64())


def refuse_rounded_ids(message_start: str, column: pa.ChunkedArray | pa.Array) -> None:
    """Refuses a column of floats so large that their type rounds whole numbers."""
    if not pa.types.is_floating(column.type):
        return
    x = np.asarray(column.cast(pa.float64()).drop_null(), "float64")
    # Whole numbers up to 2^bits are exact in the type. The float 2^bits is refused too,
    # because it may be the rounded id 2^bits + 1.
    significand_bits = {"halffloat": 11, "float": 24}.get(str(column.type), 53)
    largest = np.abs(x[np.isfinite(x)]).max(initial=0)
    if largest >= 2**significand_bits:
        raise DataError(
            f"{message_start}: the column holds {column.type}, which rounds whole "
            f"numbers above 2^{significand_bits}; {largest:.0f} may be another id, "
            "rounded; store the ids as whole numbers or as text"
        )


def check_group_column(message_start: str, column: pa.ChunkedArray) -> None:
    """Refuses a column whose values Arrow cannot compare or print, or has rounded."""
    if type_text := unusable_type(column):
        raise DataError(
            f"{message_start}: needs a number or a word in each row, but the column "
            f"holds {type_text}; name another column"
        )
    refuse_rounded_ids(message_start, column)


def as_array(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def as_codes(indices: pa.Array) -> Integers:
    return np.asarray(pc.fill_null(indices.cast(pa.int64()), -1), "int64")


def cross(name: str, columns: Mapping[str, pa.ChunkedArray]) -> Categorical:
    """Combines the values of several columns in each row into one value.

    A row with an empty cell in one of the columns has no combination: its code is -1.
    """
    texts = []
    for column_name, cells in columns.items():
        values, codes = as_categorical(f"{name}: column '{column_name}'", cells)
        # The joined texts of all rows may be longer than `string` allows.
        values = values.cast(pa.large_string())
        texts.append(values.take(pa.array(codes, mask=codes < 0)))
    separator = pa.scalar(UNIT_SEPARATOR, pa.large_string())
    return as_categorical(name, pc.binary_join_element_wise(*texts, separator))


def vocabulary_ids(categorical: Categorical, vocabulary: pa.Array) -> Integers:
    """Returns the id of each row's value, (rows,).

    The ids of the vocabulary's values are 1, 2, 3 and so on. Id 0 is for empty cells
    and for values that are not in the vocabulary.
    """
    positions = pc.index_in(categorical.categories, value_set=vocabulary)
    # A value that is not in the vocabulary has position -1, and so id 0.
    return ids_of_rows(as_codes(positions) + 1, categorical.codes)


def vocabulary_names(ids: Integers, vocabulary: pa.Array) -> list[str]:
    """Returns the value of each id of `vocabulary_ids`; `NO_ID` for id 0."""
    return [vocabulary[i - 1].as_py() if i else NO_ID for i in ids.tolist()]


def hash_ids(categorical: Categorical, num_buckets: int) -> Integers:
    """Returns the hash bucket of each row's value, from 1 to `num_buckets`, (rows,).

    Empty cells get id 0. A value gets the same bucket on every machine.
    """
    import pandas as pd

    texts = np.array(categorical.categories.to_pylist(), dtype=object)
    # pandas uses SipHash with a fixed key.
    hashes = np.asarray(pd.util.hash_array(texts, categorize=False))
    return ids_of_rows((hashes % num_buckets).astype("int64") + 1, categorical.codes)


def ids_of_rows(category_ids: Integers, codes: Integers) -> Integers:
    """Returns the id of each row's category, (rows,); 0 where the cell is empty."""
    return np.append(category_ids, 0)[codes]  # code -1 takes the appended 0


def common_spelling(value: str) -> str:
    """Returns the same text for values that files write in several ways.

    >>> common_spelling("True"), common_spelling("4.0"), common_spelling(" a ")
    ('true', '4', 'a')
    """
    return value.strip().casefold().removesuffix(".0")
