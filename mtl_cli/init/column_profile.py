"""The profile of a column: what all its cells in the preview hold."""

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Array = npt.NDArray[Any]
Kind = Literal["text", "boolean", "whole", "decimal", "time", "list", "empty", "other"]

# A number with a leading zero is a code: 007 is not 7.
WHOLE_NUMBER = r"^-?(0|[1-9][0-9]*)$"
NUMBER = r"^-?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?$"
TIME = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?(Z|[-+][0-9]{2}:?[0-9]{2})?)?$"
)
LIST_TYPES = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
TYPES_WITHOUT_VALUES = (
    pa.types.is_null,
    pa.types.is_nested,
    pa.types.is_binary,
    pa.types.is_large_binary,
    pa.types.is_fixed_size_binary,
    pa.types.is_binary_view,
)
TEXT_PATTERNS: dict[Kind, str] = {
    "whole": WHOLE_NUMBER,
    "decimal": NUMBER,
    "time": TIME,
}


@dataclass(frozen=True)
class ColumnProfile:
    """What the cells of a column hold.

    Attributes:
        name: the column's name.
        kind: the kind of the values. Text that reads as numbers or ISO times counts as
            numbers or times.
        arrow_type: the type in the file.
        codes: each row's index into `values`, -1 for a missing value, (rows,).
        values: the distinct values as text.
        counts: how often each of `values` occurs.
        numbers: the distinct values as float64, None if they are not numbers.
        elements: the profile of all values in all lists of a list column.
        lengths: the number of values in each list of a list column.
    """

    name: str
    kind: Kind
    arrow_type: pa.DataType
    codes: Array
    values: pa.Array
    counts: Array
    numbers: Array | None = None
    elements: "ColumnProfile | None" = None
    lengths: Array | None = None

    @property
    def rows(self) -> int:
        """The number of rows."""
        return len(self.codes)

    @property
    def filled(self) -> int:
        """The number of rows with a value."""
        return int((self.codes >= 0).sum())

    @property
    def missing(self) -> int:
        """The number of rows without a value."""
        return self.rows - self.filled

    @property
    def distinct(self) -> int:
        """The number of distinct values."""
        return len(self.values)

    @property
    def stored_as_text(self) -> bool:
        """Whether the file holds text, even if the text reads as numbers."""
        return bool(pa.types.is_string(self.arrow_type))

    @property
    def mostly_unique(self) -> bool:
        """Whether nearly every row has a value that no other row has."""
        return self.distinct >= 0.95 * self.filled

    @property
    def is_binary(self) -> bool:
        """Whether the column holds 0 and 1, or both booleans."""
        if self.kind == "boolean":
            return self.distinct == 2
        return self.numbers is not None and sorted(self.numbers.tolist()) == [0, 1]

    def most_frequent(self, number: int | None = None) -> dict[str, int]:
        """Returns {value: count}, the most frequent values first."""
        order = np.argsort(-self.counts, kind="stable")[:number]
        return {self.values[int(i)].as_py(): int(self.counts[i]) for i in order}

    def numbers_by_row(self) -> Array:
        """Returns each row's number, NaN for a missing value: float64 (rows,)."""
        if self.numbers is None or not len(self.numbers):
            return np.full(self.rows, np.nan)
        return np.where(self.codes < 0, np.nan, self.numbers[self.codes])

    def non_numbers(self) -> tuple[list[str], int]:
        """Returns up to 100 text values that are not numbers, and how many cells do."""
        other = ~matches(self.values, NUMBER)
        values = self.values.filter(pa.array(other)).slice(0, 100).to_pylist()
        return values, int(self.counts[other].sum())

    def split(self, separator: str) -> "ColumnProfile":
        """Returns the profile of the lists that the cells of a text column hold."""
        lists = pc.split_pattern(self.values, separator)
        parents = pc.list_parent_indices(lists).to_numpy()
        encoded = pc.list_flatten(lists).dictionary_encode()
        codes, values = encoded.indices.to_numpy(), encoded.dictionary
        counts = np.bincount(codes, self.counts[parents]).astype("int64")
        kind = kind_of_values(values.type, values)
        lengths = pc.list_value_length(lists).to_numpy()
        return replace(
            self,
            kind="list",
            elements=ColumnProfile(self.name, kind, values.type, codes, values, counts),
            lengths=lengths[self.codes[self.codes >= 0]],
        )


def profile_column(name: str, cells: pa.ChunkedArray) -> ColumnProfile:
    """Returns the profile of a column."""
    array = decode(cells)
    kind = array.type
    codes = np.where(array.is_null().to_numpy(zero_copy_only=False), -1, 0)
    if any(is_type(kind) for is_type in LIST_TYPES):
        lengths = pc.list_value_length(array).drop_null()
        elements = profile_column(name, pa.chunked_array([pc.list_flatten(array)]))
        return ColumnProfile(
            name,
            "list" if pc.sum(lengths).as_py() else "empty",
            kind,
            codes,
            elements.values,
            elements.counts,
            elements=elements,
            lengths=lengths.to_numpy(zero_copy_only=False),
        )
    if any(is_type(kind) for is_type in TYPES_WITHOUT_VALUES):
        held: Kind = "other" if (codes == 0).any() else "empty"
        no_values = pa.nulls(0, pa.string())
        return ColumnProfile(name, held, kind, codes, no_values, np.zeros(0))
    encoded = array.dictionary_encode()
    codes = encoded.indices.fill_null(-1).to_numpy()
    values = encoded.dictionary.cast(pa.string())
    counts = np.bincount(codes[codes >= 0], minlength=len(values))
    held = kind_of_values(kind, values)
    numbers = None
    if held in ("whole", "decimal"):
        source = values if pa.types.is_string(kind) else encoded.dictionary
        numbers = source.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return ColumnProfile(name, held, kind, codes, values, counts, numbers)


def decode(cells: pa.ChunkedArray) -> pa.Array:
    """Returns cells as one array without dictionaries, with NaN as a missing value."""
    kind = cells.type
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        kind = pa.string()
    if pa.types.is_float16(kind):
        kind = pa.float32()
    array = pa.concat_arrays(cells.cast(kind).chunks or [pa.nulls(0, kind)])
    if pa.types.is_floating(kind):
        array = pc.if_else(pc.is_nan(array), pa.scalar(None, kind), array)
    return array


def kind_of_values(arrow_type: pa.DataType, values: pa.Array) -> Kind:
    """Returns the kind of values by their type or, if they are text, by all of them."""
    types = pa.types
    if not len(values):
        return "empty"
    if types.is_boolean(arrow_type):
        return "boolean"
    if types.is_integer(arrow_type):
        return "whole"
    if types.is_floating(arrow_type) or types.is_decimal(arrow_type):
        return "decimal"
    if types.is_timestamp(arrow_type) or types.is_date(arrow_type):
        return "time"
    if not types.is_string(arrow_type):
        return "other"
    kinds = (
        k for k, pattern in TEXT_PATTERNS.items() if matches(values, pattern).all()
    )
    return next(kinds, "text")


def matches(values: pa.Array, pattern: str) -> Array:
    """Returns which values a regular expression finds: bool (values,)."""
    return np.asarray(pc.match_substring_regex(values, pattern))
