"""The profile of a column: the kind of its values, and how often each value occurs."""

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mtl_cli.columns.arrow_types import is_list, nearest_float64, unusable_type
from mtl_cli.columns.cells import empty_as_null
from mtl_cli.columns.vocabulary import whole_numbers
from mtl_cli.core.errors import DataError
from mtl_cli.init.value_kinds import Kind, kind_of_values

Array = npt.NDArray[Any]

# A column with at most this number of distinct values, such as the hours of a day, gets
# one embedding or one bucket per value.
MAX_CATEGORIES = 24
# The distinct values of more floats in lists would take gigabytes.
MAX_LIST_NUMBERS = 1_000_000


@dataclass(frozen=True)
class ColumnProfile:
    """The kind of a column's values, and how often each value occurs.

    Attributes:
        kind: the kind of the values. Text that can be read as numbers or ISO times
            counts as numbers or times. Floats such as 4.0 count as whole numbers; text
            such as 4.0 does not.
        arrow_type: the type in the file.
        codes: the index in `values` of each row's value, -1 for a missing value,
            (rows,). In a column of Arrow lists, 0 for a list and -1 for a missing list.
        values: the distinct values as text; empty for kind `other`. In a column of
            Arrow lists, the distinct values within all lists.
        counts: the number of times that each of `values` occurs.
        numbers: `values` as float64; None if the values are not numbers.
        lists: the contents of the lists; None if the column does not hold lists.
    """

    name: str
    kind: Kind
    arrow_type: pa.DataType
    codes: Array
    values: pa.Array
    counts: Array
    numbers: Array | None = None
    lists: "ListProfile | None" = None

    @property
    def num_filled(self) -> int:
        return int((self.codes >= 0).sum())

    @property
    def num_missing(self) -> int:
        return len(self.codes) - self.num_filled

    @property
    def num_distinct(self) -> int:
        return len(self.values)

    @property
    def stored_as_text(self) -> bool:
        """Whether the file holds text, even if the text can be read as numbers."""
        return bool(pa.types.is_string(self.arrow_type))

    @property
    def is_struct(self) -> bool:
        return bool(pa.types.is_struct(self.arrow_type))

    @property
    def mostly_unique(self) -> bool:
        """Whether the values of nearly all rows differ from each other."""
        return self.num_distinct >= 0.95 * self.num_filled

    @property
    def is_binary(self) -> bool:
        """Whether the distinct values are 0 and 1, or both booleans."""
        if self.kind == "boolean":
            return self.num_distinct == 2
        return self.numbers is not None and set(self.numbers.tolist()) == {0, 1}

    @property
    def all_whole(self) -> bool:
        """Whether all values are whole numbers, such as 4, 4.0 or 4e0."""
        if self.numbers is None or not np.isfinite(self.numbers).all():
            return False
        return bool((self.numbers % 1 == 0).all())

    def most_frequent(self, limit: int | None = None) -> dict[str, int]:
        """Returns {value: count} of at most `limit` values, the most frequent first."""
        order = np.argsort(-self.counts, kind="stable")[:limit]
        values = self.values.take(pa.array(order)).to_pylist()
        return dict(zip(values, self.counts[order].tolist(), strict=True))

    def numbers_by_row(self) -> Array:
        """Returns the value of each row, NaN if it is missing or no number, (rows,)."""
        if self.numbers is None or not len(self.numbers):
            return np.full(len(self.codes), np.nan)
        return np.where(self.codes < 0, np.nan, self.numbers[self.codes])

    def has_value(self, values: list[str]) -> npt.NDArray[np.bool_]:
        """Returns for each row whether it holds one of some values, (rows,)."""
        codes = pc.index_in(pa.array(values, pa.string()), self.values).to_numpy()
        return np.isin(self.codes, codes)

    def split(self, separator: str) -> "ListProfile":
        """Returns the profile of the lists into which a separator splits the texts."""
        lists = pc.split_pattern(self.values, separator)
        list_of_element = pc.list_parent_indices(lists).to_numpy()
        encoded = pc.list_flatten(lists).dictionary_encode()
        codes, values = encoded.indices.to_numpy(), encoded.dictionary
        # `lists` holds each distinct cell once. The values of a cell count as often as
        # the cell occurs.
        counts = np.bincount(codes, self.counts[list_of_element]).astype("int64")
        kind = kind_of_values(values.type, values)
        numbers = nearest_float64(values).to_numpy() if kind == "whole" else None
        lengths = pc.list_value_length(lists).to_numpy()
        return ListProfile(
            ColumnProfile(self.name, kind, values.type, codes, values, counts, numbers),
            lengths[self.codes[self.codes >= 0]],
        )


@dataclass(frozen=True)
class ListProfile:
    """The values within all lists of a column, and the lengths of the lists.

    If `is_sampled`, `elements` holds the values and counts of a sample.
    """

    elements: ColumnProfile
    lengths: Array
    is_sampled: bool = False


def profile_column(name: str, cells: pa.ChunkedArray) -> ColumnProfile:
    array = normalized(cells)
    arrow_type = array.type
    if is_list(arrow_type):
        return profile_lists(name, array)
    types = pa.types
    tests = types.is_null, types.is_binary, types.is_large_binary
    has_no_text = any(t(arrow_type) for t in (*tests, types.is_fixed_size_binary))
    if has_no_text or unusable_type(array):
        codes = missing_as_minus_1(array)
        kind: Kind = "other" if (codes == 0).any() else "empty"
        no_values, no_counts = pa.nulls(0, pa.string()), np.zeros(0)
        return ColumnProfile(name, kind, arrow_type, codes, no_values, no_counts)
    encoded = floats_as_whole(array).dictionary_encode()
    codes = encoded.indices.fill_null(-1).to_numpy()
    values = encoded.dictionary.cast(pa.string())
    counts = np.bincount(codes[codes >= 0], minlength=len(values))
    kind = kind_of_values(encoded.dictionary.type, values)
    numbers = None
    if kind in ("whole", "decimal"):
        # Numbers that are stored as numbers are not read back from their text: the
        # float32 0.1 has the text 0.1, but is not the float64 0.1.
        source = values if pa.types.is_string(arrow_type) else encoded.dictionary
        numbers = nearest_float64(source).to_numpy(zero_copy_only=False)
    return ColumnProfile(name, kind, arrow_type, codes, values, counts, numbers)


def profile_lists(name: str, array: pa.Array) -> ColumnProfile:
    lengths = pc.list_value_length(array).drop_null().to_numpy(zero_copy_only=False)
    values = pa.chunked_array([pc.list_flatten(array)])
    is_sampled = pa.types.is_floating(values.type) and len(values) > MAX_LIST_NUMBERS
    elements = (profile_sample if is_sampled else profile_column)(name, values)
    return replace(
        elements,
        kind="list" if lengths.any() else "empty",
        arrow_type=array.type,
        codes=missing_as_minus_1(array),
        numbers=None,
        lists=ListProfile(elements, lengths, is_sampled),
    )


def profile_sample(name: str, numbers: pa.ChunkedArray) -> ColumnProfile:
    """Profiles the first floats of long vectors; kind and missing ones are of all."""
    array = normalized(numbers)
    sample = array.drop_null().slice(0, MAX_LIST_NUMBERS)
    profile = profile_column(name, pa.chunked_array([sample]))
    kind = profile.kind
    if kind == "whole" and pa.types.is_floating(floats_as_whole(array).type):
        kind = "decimal"
    return replace(profile, kind=kind, codes=missing_as_minus_1(array))


def missing_as_minus_1(array: pa.Array) -> Array:
    """Returns -1 for each missing cell, 0 for each other cell: (rows,)."""
    return np.where(array.is_null().to_numpy(zero_copy_only=False), -1, 0)


def normalized(cells: pa.ChunkedArray) -> pa.Array:
    """Converts a column to one array, in which NaN and empty texts become null.

    Large strings become `string`, and float16 becomes float32.
    """
    arrow_type = cells.type
    if pa.types.is_large_string(arrow_type):
        arrow_type = pa.string()
    if pa.types.is_float16(arrow_type):
        arrow_type = pa.float32()
    array = pa.concat_arrays(cells.cast(arrow_type).chunks or [pa.nulls(0, arrow_type)])
    if pa.types.is_floating(arrow_type):
        array = pc.if_else(pc.is_nan(array), pa.scalar(None, arrow_type), array)
    return empty_as_null(array) if pa.types.is_string(arrow_type) else array


def floats_as_whole(array: pa.Array) -> pa.Array:
    """Converts floats to int64 if all are whole numbers and exact in their float type.

    pandas stores a column of whole numbers as floats if some cells are empty.
    """
    has_values = array.null_count < len(array)
    if has_values and pa.types.is_floating(array.type):
        with suppress(DataError):
            return whole_numbers("", array)
    return array
