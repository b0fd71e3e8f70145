"""Ids and words as text: counted, looked up, hashed, crossed."""

import re
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mtl_cli.core.errors import DataError

Ids = npt.NDArray[np.int64]

WHOLE_NUMBER = re.compile(r"0|-?[1-9][0-9]*")
# Separates the values of a cross; no ordinary value contains it.
UNIT_SEPARATOR = "\x1f"


class Values(NamedTuple):
    """A column of ids: its distinct values as text, and the value of each row."""

    distinct: pa.Array  # (V,) text
    codes: Ids  # (rows,) positions in `distinct`, -1 where the cell is empty


class Learnt(dict[str, Any]):
    """JSON values that a feature learnt from the training rows."""

    @cached_property
    def vocabulary(self) -> pa.Array:
        """The values that have an id of their own, in the order of their ids."""
        return pa.array(self["vocabulary"], pa.string())


def values_of(name: str, column: pa.ChunkedArray | pa.Array) -> Values:
    """Returns a column of whole numbers, booleans or text as text.

    As text, equal values are equal whatever type a file gives them, and large ids
    stay exact.

    Raises:
        DataError: if the column holds another type.
    """
    check_ids(name, column.type)
    encoded = as_array(column).dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    return Values(encoded.dictionary.cast(pa.string()), as_codes(encoded.indices))


def as_array(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """Returns the chunks of a column as one array."""
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def as_codes(indices: pa.Array) -> Ids:
    """Returns positions as whole numbers, -1 for a missing position."""
    return np.asarray(pc.fill_null(indices.cast(pa.int64()), -1), "int64")


def check_ids(name: str, kind: pa.DataType) -> None:
    """Refuses types whose text is not exact."""
    if is_id(kind):
        return
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        advice = "make it kind: bucketized or kind: dense"
    elif is_list(kind):
        advice = "make it kind: sequence"
    else:
        advice = "convert the column to text"
    raise DataError(
        f"feature {name}: needs whole numbers or text, the column holds {kind}; "
        f"{advice}"
    )


def is_id(kind: pa.DataType) -> bool:
    """Whether an Arrow type holds whole numbers, booleans or text."""
    if pa.types.is_dictionary(kind):
        return is_id(kind.value_type)
    return bool(
        pa.types.is_integer(kind)
        or pa.types.is_boolean(kind)
        or pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_string_view(kind)
        or pa.types.is_null(kind)
    )


def is_list(kind: pa.DataType) -> bool:
    """Whether an Arrow type is a list."""
    return bool(
        pa.types.is_list(kind)
        or pa.types.is_large_list(kind)
        or pa.types.is_fixed_size_list(kind)
    )


def check_flat(where: str, column: pa.ChunkedArray) -> None:
    """Refuses a column of nested values, where each row needs a single value."""
    if pa.types.is_nested(column.type):
        raise DataError(
            f"{where}: needs a number or a word in each row, the column holds "
            f"{column.type}; name another column"
        )


def crossed(name: str, columns: list[pa.ChunkedArray]) -> Values:
    """Returns several columns as one; a row with an empty cell has no value."""
    first, *others = (values_of(name, column) for column in columns)
    for other in others:
        width = len(other.distinct)
        pairs = np.where(
            (first.codes < 0) | (other.codes < 0),
            -1,
            first.codes * width + other.codes,
        )
        distinct, codes = np.unique(pairs, return_inverse=True)
        missing = int((distinct < 0).sum())
        distinct = distinct[missing:]
        texts = pc.binary_join_element_wise(
            first.distinct.take(pa.array(distinct // width)),
            other.distinct.take(pa.array(distinct % width)),
            UNIT_SEPARATOR,
        )
        first = Values(texts, codes.reshape(-1) - missing)
    return first


class Counter:
    """Counts values over the chunks of a table; memory grows with distinct values."""

    def __init__(self) -> None:
        self.counts = pa.table({"value": pa.array([], pa.string()), "count": []})

    def add(self, values: Values) -> None:
        """Counts the values of some rows."""
        codes = values.codes[values.codes >= 0]
        counts = np.bincount(codes, minlength=len(values.distinct)).astype("float64")
        self._add_counts(pa.table({"value": values.distinct, "count": counts}))

    def merge(self, other: "Counter") -> None:
        """Adds the counts of another counter."""
        self._add_counts(other.counts)

    def _add_counts(self, counts: pa.Table) -> None:
        both = pa.concat_tables([self.counts.cast(counts.schema), counts])
        summed = both.group_by("value").aggregate([("count", "sum")])
        self.counts = summed.rename_columns(["value", "count"])

    def vocabulary(self, min_count: int) -> list[str]:
        """Returns the values that occur often enough, as sorted text.

        Whole numbers are sorted as numbers, whether the file held them as text or not.
        """
        frequent = self.counts.filter(pc.field("count") >= max(min_count, 1))
        values: list[str] = [v for v in frequent["value"].to_pylist() if v is not None]
        whole = all(WHOLE_NUMBER.fullmatch(value) for value in values)
        return sorted(values, key=int) if whole else sorted(values)


def lookup(values: Values, vocabulary: pa.Array) -> Ids:
    """Returns 1 + the position of each row's value in a vocabulary, else 0."""
    positions = pc.index_in(values.distinct, value_set=vocabulary)
    return ids_of_rows(as_codes(positions) + 1, values)


def hashed(values: Values, num_buckets: int) -> Ids:
    """Returns a bucket from 1 to `num_buckets` for each row, 0 where it is empty.

    A value gets the same bucket on every machine.
    """
    import pandas as pd

    texts = np.array(values.distinct.to_pylist(), dtype=object)
    # SipHash with a fixed key.
    hashes: Any = pd.util.hash_array(texts, categorize=False)
    return ids_of_rows((hashes % num_buckets).astype("int64") + 1, values)


def ids_of_rows(ids: Ids, values: Values) -> Ids:
    """Returns the id of each row from the ids of distinct values; 0 where empty."""
    return np.append(ids, 0)[values.codes]
