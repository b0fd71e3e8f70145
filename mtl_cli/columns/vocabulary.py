"""Categorical columns: each value as text, counted, and turned into an id."""

import re
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mtl_cli.columns.arrow_types import is_id, is_list
from mtl_cli.core.errors import DataError

Integers = npt.NDArray[np.int64]

WHOLE_NUMBER = re.compile(r"0|-?[1-9][0-9]*")
# Separates the values of a cross. Ordinary text does not contain this control
# character.
UNIT_SEPARATOR = "\x1f"
NO_ID = "(empty or rare)"  # for people: the values that share id 0


class Categorical(NamedTuple):
    """A column as its distinct values, and each row's position among them."""

    categories: pa.Array  # (C,) distinct text
    codes: Integers  # (rows,) positions in `categories`, -1 where the cell is empty


def as_categorical(name: str, column: pa.ChunkedArray | pa.Array) -> Categorical:
    """Returns a column of whole numbers, booleans or text as categories of text.

    Text keeps large ids exact, and makes the number 7 of one file equal the text "7"
    of another file. Floats that are whole numbers are read as whole numbers: pandas
    stores ids as floats where some cells of their column are empty.

    Args:
        name: the feature that reads the column, for the error message.
        column: the column to convert.

    Raises:
        DataError: if the column holds another type, or floats that are no ids.
    """
    if pa.types.is_floating(column.type):
        column = whole_numbers(name, column)
    check_id_type(name, column.type)
    encoded = as_array(column).dictionary_encode()
    return Categorical(encoded.dictionary.cast(pa.string()), as_codes(encoded.indices))


def whole_numbers(name: str, column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """Returns floats that are whole numbers as int64, null in place of NaN.

    Args:
        name: the feature that reads the column, for the error message.
        column: the floats.

    Raises:
        DataError: if a float is no whole number, or so large that the type rounds
            whole numbers.
    """
    x = np.asarray(column.cast(pa.float64()).fill_null(np.nan), "float64")
    values = x[~np.isnan(x)]
    is_whole = np.isfinite(values) & (values == np.floor(values))
    if not is_whole.all():
        raise DataError(
            f"feature {name}: needs whole numbers or text, the column holds "
            f"{column.type} such as {values[~is_whole][0]:g}; make it kind: bucketized "
            "or kind: dense"
        )
    digits = {"halffloat": 11, "float": 24}.get(str(column.type), 53)
    if len(values) and np.abs(values).max() > 2**digits:
        raise DataError(
            f"feature {name}: the column holds {column.type}, which rounds whole "
            f"numbers above 2^{digits}, such as {np.abs(values).max():.0f}; store them "
            "as whole numbers or as text"
        )
    return pa.array(x, from_pandas=True).cast(pa.int64())


def check_id_type(name: str, arrow_type: pa.DataType) -> None:
    """Refuses a type whose values have no exact text, and advises another kind."""
    if is_id(arrow_type):
        return
    if pa.types.is_decimal(arrow_type):
        advice = "make it kind: bucketized or kind: dense"
    elif is_list(arrow_type):
        advice = "make it kind: sequence"
    else:
        advice = "convert the column to text"
    raise DataError(
        f"feature {name}: needs whole numbers or text, the column holds {arrow_type}; "
        f"{advice}"
    )


def as_array(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """Returns the chunks of a column as one array."""
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def as_codes(indices: pa.Array) -> Integers:
    """Returns Arrow's indices as int64, -1 in place of null."""
    return np.asarray(pc.fill_null(indices.cast(pa.int64()), -1), "int64")


def cross(name: str, columns: list[pa.ChunkedArray]) -> Categorical:
    """Returns the combination of several columns' values in each row.

    A row in which any of the columns is empty has no combination: its code is -1.

    Args:
        name: the feature that reads the columns, for error messages.
        columns: at least one column; all have the same rows.
    """
    combined, *others = (as_categorical(name, column) for column in columns)
    for other in others:
        # Numbers the pairs of codes like the cells of a table with one column for each
        # category of `other`. An empty cell makes the pair -1.
        width = len(other.categories)
        pairs = np.where(
            (combined.codes < 0) | (other.codes < 0),
            -1,
            combined.codes * width + other.codes,
        )
        distinct, codes = np.unique(pairs, return_inverse=True)
        # `distinct` is sorted: if there is a -1, it comes first and is no category.
        num_empty = int((distinct < 0).sum())
        distinct = distinct[num_empty:]
        texts = pc.binary_join_element_wise(
            combined.categories.take(pa.array(distinct // width)),
            other.categories.take(pa.array(distinct % width)),
            UNIT_SEPARATOR,
        )
        combined = Categorical(texts, codes - num_empty)
    return combined


class Counter:
    """Counts values over the chunks of a table; memory grows with distinct values."""

    def __init__(self) -> None:
        self.counts = pa.table({"value": pa.array([], pa.string()), "count": []})

    def add(self, rows: Categorical) -> None:
        """Counts the values of some rows."""
        codes = rows.codes[rows.codes >= 0]
        counts = np.bincount(codes, minlength=len(rows.categories)).astype("float64")
        self._add_counts(pa.table({"value": rows.categories, "count": counts}))

    def merge(self, other: "Counter") -> None:
        """Adds the counts of another counter."""
        self._add_counts(other.counts)

    def _add_counts(self, counts: pa.Table) -> None:
        both = pa.concat_tables([self.counts.cast(counts.schema), counts])
        summed = both.group_by("value").aggregate([("count", "sum")])
        self.counts = summed.rename_columns(["value", "count"])

    def vocabulary(self, min_count: int) -> list[str]:
        """Returns the values that occur at least `min_count` times, sorted.

        If all values are whole numbers, they are sorted as numbers, whether the file
        held them as text or not.
        """
        frequent = self.counts.filter(pc.field("count") >= max(min_count, 1))
        values: list[str] = [v for v in frequent["value"].to_pylist() if v is not None]
        all_whole = all(WHOLE_NUMBER.fullmatch(value) for value in values)
        return sorted(values, key=int) if all_whole else sorted(values)


def vocabulary_ids(rows: Categorical, vocabulary: pa.Array) -> Integers:
    """Returns 1 + each row's position in a vocabulary, (rows,).

    Rows that are empty, or whose value is not in the vocabulary, get id 0.
    """
    positions = pc.index_in(rows.categories, value_set=vocabulary)
    return ids_of_rows(as_codes(positions) + 1, rows.codes)


def vocabulary_names(ids: Integers, vocabulary: pa.Array) -> list[str]:
    """Returns the value of each id; `NO_ID` for id 0.

    Args:
        ids: results of `vocabulary_ids`, (ids,).
        vocabulary: the values, in the order of their ids.
    """
    return [vocabulary[i - 1].as_py() if i else NO_ID for i in ids.tolist()]


def hash_ids(rows: Categorical, num_buckets: int) -> Integers:
    """Returns each row's hash bucket, from 1 to `num_buckets`, (rows,).

    Empty rows get id 0. A value gets the same bucket on every machine.
    """
    import pandas as pd

    texts = np.array(rows.categories.to_pylist(), dtype=object)
    # SipHash with a fixed key.
    hashes = np.asarray(pd.util.hash_array(texts, categorize=False))
    return ids_of_rows((hashes % num_buckets).astype("int64") + 1, rows.codes)


def ids_of_rows(category_ids: Integers, codes: Integers) -> Integers:
    """Returns each row's id, 0 where the code is -1, (rows,).

    Args:
        category_ids: the id of each category, (C,).
        codes: each row's category, (rows,).
    """
    return np.append(category_ids, 0)[codes]  # code -1 takes the appended 0
