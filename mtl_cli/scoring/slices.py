"""Cuts a table into slices by a column: by its values, or by ranges of its numbers.

Times are cut into ranges as numbers are.

A *value code* is the index of a row's value (or range) among the distinct values of the
column. A *slice code* is the index of a row's slice among the slices. The two differ
because rare values share the slice `OTHER`.
"""

from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from itertools import compress, pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute

from mtl_cli.columns.arrow_types import is_text, plain_type, time_counts, unusable_type
from mtl_cli.columns.cells import empty_cells
from mtl_cli.core.errors import DataError, printable
from mtl_cli.data.feature_set import FeatureSet
from mtl_cli.data.split_times import TEXT_DATES
from mtl_cli.data.table import Array

MIN_ROWS = 100  # values with fewer rows are merged into the slice `OTHER`
MAX_SLICES = 20  # the largest number of slices by one column, including `OTHER`
MAX_DISTINCT_NUMBERS = 20  # a column with more distinct numbers is cut into ranges
NUM_RANGES = 5  # the number of ranges, with about equally many rows each
OTHER = "(other)"  # the name of the slice of rare values
EMPTY = "(empty)"  # the name of the slice of empty cells


@dataclass(frozen=True)
class Slices:
    """The slices by one column.

    Attributes:
        column: the name of the column.
        names: the names of the slices.
        codes: the index in `names` of each row's slice, (rows,).
    """

    column: str
    names: list[str]
    codes: Array


def slices_by(column: str, cells: pa.ChunkedArray, are_ids: bool) -> Slices:
    """Cuts rows into slices by a column.

    A column with more than `MAX_DISTINCT_NUMBERS` distinct numbers or times is cut into
    ranges, unless they are ids. Any other column has one slice per value. Values or
    ranges with fewer than `MIN_ROWS` rows are merged into the slice `OTHER`, and so are
    the rarest values if there would be more than `MAX_SLICES` slices.

    Raises:
        DataError: if the cells are not numbers, texts or times.
    """
    if unusable := unusable_type(cells):
        raise DataError(
            f"--by: column '{column}' holds {unusable}; name a column with a number, a "
            "text or a time in each cell"
        )
    cells = cells.cast(plain_type(cells.type))
    if is_text(cells.type):  # An empty text is an empty cell.
        cells = pa.compute.if_else(pa.compute.equal(cells, ""), None, cells)
    is_empty = empty_cells(cells)
    cells_or_times = dates_from_text(cells, is_empty)
    numbers = None if are_ids else as_numbers(cells_or_times, is_empty)
    if numbers is not None:
        is_empty |= np.isnan(numbers)  # the text "nan"
    num_distinct = 0 if numbers is None else len(np.unique(numbers[~is_empty]))
    if numbers is not None and num_distinct > MAX_DISTINCT_NUMBERS:
        value_names, value_codes = number_ranges(numbers, is_empty, cells_or_times)
    else:
        value_names, value_codes = distinct_values(cells)
    frequent, slice_codes = merge_rare_values(value_codes)
    names = [value_names[code] for code in frequent]
    return named_slices(column, names, slice_codes)


def slices_by_feature(features: FeatureSet, encoded: dict[str, Array]) -> list[Slices]:
    """Cuts rows into slices by each feature whose encoded values have names.

    For example, the encoded values of a sparse feature are ids, and the vocabulary has
    their names. A feature with all rows in one slice is left out.
    """
    slices_by_column = []
    for name, feature in features.by_name.items():
        values = feature.summary(features.columns_in(encoded, name))  # (rows,)
        distinct, value_codes = np.unique(values, return_inverse=True)
        frequent, slice_codes = merge_rare_values(value_codes)
        learnt = features.table_learnt(name)
        names = feature.value_names(distinct[frequent], learnt)
        if names and (slice_codes != slice_codes[0]).any():
            printable_names = [printable(text) for text in names]
            slices_by_column.append(named_slices(name, printable_names, slice_codes))
    return slices_by_column


def merge_rare_values(value_codes: Array) -> tuple[Array, Array]:
    """Makes a slice of each frequent value, and one slice of all rare values.

    Args:
        value_codes: the value code of each row, (rows,).

    Returns: the value codes of the S frequent values, ascending, (S,); and the slice
        code of each row, (rows,): the index of the row's value among the frequent
        values, or S for a rare value.
    """
    counts = np.bincount(value_codes)
    # If there are too many values, one of the slices is `OTHER`.
    max_frequent = MAX_SLICES if len(counts) <= MAX_SLICES else MAX_SLICES - 1
    most_frequent = np.argsort(-counts, kind="stable")[:max_frequent]
    frequent = np.sort(most_frequent[counts[most_frequent] >= MIN_ROWS])
    slice_of_value = np.full(len(counts), len(frequent))
    slice_of_value[frequent] = np.arange(len(frequent))
    return frequent, slice_of_value[value_codes]


def named_slices(column: str, names: list[str], slice_codes: Array) -> Slices:
    """Returns slices by a column, and adds the slice `OTHER` if it has rows.

    The rows of `OTHER` have the slice code `len(names)`. No name has this code.
    """
    other = [OTHER] if (slice_codes == len(names)).any() else []
    return Slices(column, names + other, slice_codes)


def dates_from_text(cells: pa.ChunkedArray, is_empty: Array) -> pa.ChunkedArray:
    """Reads text such as 2026-01-31 12:00:00 as times; other cells stay as they are."""
    for dtype in TEXT_DATES if is_text(cells.type) else ():
        with suppress(pa.ArrowInvalid):  # some text is no date of this type
            filled = pa.compute.if_else(pa.array(is_empty), None, cells)
            return filled.cast(dtype)
    return cells


def as_numbers(cells: pa.ChunkedArray, is_empty: Array) -> Array | None:
    """Converts numbers or times to float64, (rows,); an empty cell becomes 0.

    Returns: None if the cells are neither numbers nor times.
    """
    types = pa.types
    dtype = cells.type
    if types.is_boolean(dtype) or types.is_null(dtype):
        return None
    if types.is_temporal(dtype):
        cells = time_counts(cells)
    try:
        numbers = pa.compute.fill_null(cells.cast(pa.float64(), safe=False), 0.0)
    except pa.ArrowException:  # text that is not a number
        return None
    return np.where(is_empty, 0.0, numbers.to_numpy())


def number_ranges(
    numbers: Array, is_empty: Array, cells: pa.ChunkedArray
) -> tuple[list[str], Array]:
    """Cuts numbers, or times as numbers, into ranges with about equally many rows.

    Empty cells form one more range. A number that is the limit of two ranges is in the
    lower range: after `up to 3`, the range `3 to 5` has the numbers above 3. `cells`
    are the numbers or times as the table holds them.

    Returns: the names of the ranges that have rows; and the index of each row's range
        among these names, (rows,).
    """
    quantiles = np.linspace(0, 1, NUM_RANGES + 1)[1:-1]
    # The method "lower" gives values of the column. The usual interpolation between two
    # values would give NaN between -inf and inf.
    edges = np.unique(np.quantile(numbers[~is_empty], quantiles, method="lower"))
    if pa.types.is_temporal(cells.type):
        rows = [np.argmax((numbers == edge) & ~is_empty) for edge in edges]
        texts = [value_text(cells[int(row)].as_py()) for row in rows]
    else:
        texts = edge_texts(edges, numbers[~is_empty])
    names = [f"up to {texts[0]}"]
    names += [f"{low} to {high}" for low, high in pairwise(texts)]
    names += [f"above {texts[-1]}", EMPTY]
    indices = np.searchsorted(edges, numbers, side="left")
    indices[is_empty] = names.index(EMPTY)
    # Ranges without rows are removed, and the remaining ranges are numbered again.
    has_rows = np.bincount(indices, minlength=len(names)) > 0
    new_index = np.cumsum(has_rows) - 1
    return list(compress(names, has_rows)), new_index[indices]


def edge_texts(edges: Array, numbers: Array) -> list[str]:
    """Writes the edges of ranges with as few digits, from 6 on, as tell the ranges.

    The edges as they are written cut the numbers into the same ranges, so that a reader
    finds the rows of a range by its name. Whole numbers of many digits, such as times
    in seconds, need more than 6.

    Args:
        edges: the edges, ascending, (ranges - 1,).
        numbers: the numbers that are cut, (rows,), without NaN.
    """
    ranges = np.searchsorted(edges, numbers)
    for num_digits in range(6, 18):  # 17 digits tell any two numbers apart
        texts = [f"{edge:.{num_digits}g}" for edge in edges]
        written = np.array([float(text) for text in texts])
        if np.array_equal(np.searchsorted(written, numbers), ranges):
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
    """Returns a value as text. NaN, the only value unequal to itself, is empty."""
    if value is None or value != value:
        return EMPTY
    if isinstance(value, float):
        value += 0.0  # -0.0 becomes 0.0
    return printable(str(value))


def sort_key(value: object) -> tuple[bool, float, str]:
    """Returns a key that sorts numbers by size, and other values after them as text."""
    # NaN is not a number here: only NaN is unequal to itself.
    if isinstance(value, int | float | Decimal) and value == value:
        return False, float(value), ""
    return True, 0.0, str(value)
