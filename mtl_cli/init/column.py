"""What a column holds, judged by all the rows that were looked at."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Array = npt.NDArray[Any]
Kind = Literal["text", "boolean", "whole", "decimal", "time", "list", "empty", "other"]

# A leading zero makes a code of a number: 007 is not 7.
WHOLE = r"^-?(0|[1-9][0-9]*)$"
NUMBER = r"^-?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?$"
TIME = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?(Z|[-+][0-9]{2}:?[0-9]{2})?)?$"
)


@dataclass(frozen=True)
class Column:
    """A column of the rows that were looked at.

    Attributes:
        name: of the column.
        kind: what it holds; text that reads as numbers or ISO times counts as these.
        arrow: the type in the file.
        codes: place in `values` of each row's value, (rows,); -1 where it is missing.
        values: the distinct values as text.
        counts: how often each is there.
        numbers: the distinct values as numbers, float64; None if they are none.
        elements: of a list column, all values of all rows as a column.
        lengths: of a list column, the number of values in each row that has a list.
    """

    name: str
    kind: Kind
    arrow: pa.DataType
    codes: Array
    values: pa.Array
    counts: Array
    numbers: Array | None = None
    elements: "Column | None" = None
    lengths: Array | None = None

    @property
    def rows(self) -> int:
        """How many rows were looked at."""
        return len(self.codes)

    @cached_property
    def known(self) -> int:
        """How many rows have a value."""
        return int((self.codes >= 0).sum())

    @property
    def missing(self) -> int:
        """How many rows have none."""
        return self.rows - self.known

    @property
    def distinct(self) -> int:
        """How many values differ."""
        return len(self.values)

    @property
    def in_text(self) -> bool:
        """Whether the file holds text, whatever it reads as."""
        return bool(pa.types.is_string(self.arrow))

    @property
    def is_number(self) -> bool:
        """Whether all values are numbers."""
        return self.numbers is not None

    @property
    def unique(self) -> bool:
        """Whether nearly every row has a value of its own."""
        return self.distinct >= 0.95 * self.known

    @property
    def is_binary(self) -> bool:
        """Whether the column holds 0 and 1, or booleans."""
        if self.kind == "boolean":
            return self.distinct == 2
        return self.numbers is not None and sorted(self.numbers.tolist()) == [0, 1]

    def ordered(self) -> list[tuple[str, int]]:
        """Returns all values and their counts, the most frequent first."""
        order = np.argsort(-self.counts, kind="stable")
        return [(self.values[int(i)].as_py(), int(self.counts[i])) for i in order]

    def most_frequent(self, number: int) -> list[str]:
        """Returns the most frequent values."""
        order = np.argsort(-self.counts, kind="stable")[:number]
        return [self.values[int(i)].as_py() for i in order]

    def row_numbers(self) -> Array:
        """Returns each row's number, NaN where it is missing: float64 (rows,)."""
        if self.numbers is None or not len(self.numbers):
            return np.full(self.rows, np.nan)
        return np.where(self.codes < 0, np.nan, self.numbers[self.codes])

    def not_numbers(self) -> tuple[list[str], int]:
        """Returns a text column's values that are not numbers, and their cells."""
        number = matches(self.values, NUMBER)
        words = self.values.filter(pc.invert(number)).slice(0, 100).to_pylist()
        return words, int(self.counts[~number.to_numpy(zero_copy_only=False)].sum())


def profile(name: str, cells: pa.ChunkedArray) -> Column:
    """Finds out what a column holds."""
    array = plain(cells)
    arrow = array.type
    if is_list(arrow):
        return profile_list(name, array)
    if pa.types.is_nested(arrow) or pa.types.is_null(arrow) or is_binary(arrow):
        codes = np.where(array.is_null().to_numpy(zero_copy_only=False), -1, 0)
        kind: Kind = "other" if (codes == 0).any() else "empty"
        return Column(name, kind, arrow, codes, no_words(), np.zeros(0))
    encoded = array.dictionary_encode()
    codes = encoded.indices.fill_null(-1).to_numpy()
    words = encoded.dictionary.cast(pa.string())
    counts = np.bincount(codes[codes >= 0], minlength=len(words))
    kind = kind_of(arrow, words)
    numbers = None
    if kind in ("whole", "decimal"):
        source = words if pa.types.is_string(arrow) else encoded.dictionary
        numbers = source.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return Column(name, kind, arrow, codes, words, counts, numbers)


def profile_list(name: str, array: pa.Array) -> Column:
    """Finds out what a list column holds."""
    lengths = pc.list_value_length(array).drop_null().to_numpy(zero_copy_only=False)
    codes = np.where(array.is_null().to_numpy(zero_copy_only=False), -1, 0)
    kind: Kind = "list" if lengths.sum() else "empty"
    flat = pa.chunked_array([pc.list_flatten(array)])
    elements = profile(name, flat)
    return Column(
        name,
        kind,
        array.type,
        codes,
        elements.values,
        elements.counts,
        elements=elements,
        lengths=lengths,
    )


def split(column: Column, separator: str) -> Column:
    """Returns a column of text as the column of lists that it holds."""
    lists = pc.split_pattern(column.values, separator)
    parents = pc.list_parent_indices(lists).to_numpy()
    encoded = pc.list_flatten(lists).dictionary_encode()
    codes = encoded.indices.to_numpy()
    counts = np.bincount(codes, column.counts[parents]).astype("int64")
    words = encoded.dictionary
    kind = kind_of(words.type, words)
    elements = Column(column.name, kind, words.type, codes, words, counts)
    lengths = pc.list_value_length(lists).to_numpy()[column.codes[column.codes >= 0]]
    return replace(column, kind="list", elements=elements, lengths=lengths)


def plain(cells: pa.ChunkedArray) -> pa.Array:
    """Returns cells as one array, with NaN as missing, dictionaries decoded."""
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


def kind_of(arrow: pa.DataType, words: pa.Array) -> Kind:
    """Returns what values are, by their type or, if they are text, by all of them."""
    if not len(words):
        return "empty"
    if pa.types.is_boolean(arrow):
        return "boolean"
    if pa.types.is_integer(arrow):
        return "whole"
    if pa.types.is_floating(arrow) or pa.types.is_decimal(arrow):
        return "decimal"
    if pa.types.is_timestamp(arrow) or pa.types.is_date(arrow):
        return "time"
    if not pa.types.is_string(arrow):
        return "other"
    patterns: dict[Kind, str] = {"whole": WHOLE, "decimal": NUMBER, "time": TIME}
    fitting = (k for k, p in patterns.items() if pc.all(matches(words, p)).as_py())
    return next(fitting, "text")


def matches(words: pa.Array, pattern: str) -> pa.Array:
    """Returns which words match a pattern."""
    return pc.match_substring_regex(words, pattern)


def is_list(kind: pa.DataType) -> bool:
    """Whether an Arrow type is a list."""
    return bool(
        pa.types.is_list(kind)
        or pa.types.is_large_list(kind)
        or pa.types.is_fixed_size_list(kind)
    )


def is_binary(kind: pa.DataType) -> bool:
    """Whether an Arrow type is bytes."""
    return bool(
        pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_fixed_size_binary(kind)
        or pa.types.is_binary_view(kind)
    )


def no_words() -> pa.Array:
    """Returns no values."""
    return pa.nulls(0, pa.string())
