"""Cuts a table into slices by the values, or by ranges of the numbers, of a column."""

from dataclasses import dataclass
from itertools import compress, pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute

from mtl_cli.columns.arrow_types import unusable_type
from mtl_cli.columns.cells import empty_cells
from mtl_cli.core.errors import DataError, printable
from mtl_cli.data.feature_set import FeatureSet
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

    A column with more than `MAX_DISTINCT_NUMBERS` distinct numbers is cut into ranges,
    unless its numbers are ids. Any other column has one slice per value. Values or
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
    is_empty = empty_cells(cells)
    numbers = None if are_ids else as_numbers(cells, is_empty)
    num_distinct = 0 if numbers is None else len(np.unique(numbers[~is_empty]))
    if numbers is not None and num_distinct > MAX_DISTINCT_NUMBERS:
        names, codes = number_ranges(numbers, is_empty)
    else:
        names, codes = distinct_values(cells)
    frequent, codes = frequent_values(codes)
    return named_slices(column, [names[i] for i in frequent], codes)


def slices_by_feature(features: FeatureSet, encoded: dict[str, Array]) -> list[Slices]:
    """Cuts rows into slices by each feature whose encoded values have names.

    For example, the encoded values of a sparse feature are ids, and the vocabulary has
    their names. A feature with all rows in one slice is left out.
    """
    slices_by_column = []
    for name, feature in features.by_name.items():
        values = feature.summary(features.columns_in(encoded, name))  # (rows,)
        distinct, codes = np.unique(values, return_inverse=True)
        frequent, codes = frequent_values(codes)
        learnt = features.table_learnt(name)
        names = feature.value_names(distinct[frequent], learnt)
        if names and (codes != codes[0]).any():
            printable_names = [printable(text) for text in names]
            slices_by_column.append(named_slices(name, printable_names, codes))
    return slices_by_column


def frequent_values(codes: Array) -> tuple[Array, Array]:
    """Selects the frequent values, which become slices, and the slice of each row.

    `codes` has a whole number from 0 for the value of each row, (rows,).

    Returns: the codes of the S frequent values, ascending, (S,); and the slice of each
        row, (rows,): the index of the row's value among the frequent values, or S for
        all other values.
    """
    counts = np.bincount(codes)
    # If there are too many values, one of the slices is `OTHER`.
    num_slices = MAX_SLICES if len(counts) <= MAX_SLICES else MAX_SLICES - 1
    frequent = np.argsort(-counts, kind="stable")[:num_slices]
    frequent = np.sort(frequent[counts[frequent] >= MIN_ROWS])
    slice_of_code = np.full(len(counts), len(frequent))
    slice_of_code[frequent] = np.arange(len(frequent))
    return frequent, slice_of_code[codes]


def named_slices(column: str, names: list[str], codes: Array) -> Slices:
    """Returns slices by a column, and adds the slice `OTHER` if a row needs it.

    The codes are the indices of the rows' slices; `len(names)` means `OTHER`.
    """
    other = [OTHER] if (codes == len(names)).any() else []
    return Slices(column, names + other, codes)


def as_numbers(cells: pa.ChunkedArray, is_empty: Array) -> Array | None:
    """Converts cells to float64, (rows,); an empty cell becomes 0.

    Returns: None if the cells are not numbers.
    """
    types = pa.types
    dtype = cells.type
    if types.is_boolean(dtype) or types.is_null(dtype) or types.is_temporal(dtype):
        return None
    try:
        numbers = pa.compute.fill_null(cells.cast(pa.float64(), safe=False), 0.0)
    except pa.ArrowException:  # text that is not a number
        return None
    return np.where(is_empty, 0.0, numbers.to_numpy())


def number_ranges(numbers: Array, is_empty: Array) -> tuple[list[str], Array]:
    """Cuts numbers into ranges with about equally many rows.

    Empty cells form one more range.

    Returns: the names of the ranges that have rows; and the index of each row's range
        among these names, (rows,).
    """
    quantiles = np.linspace(0, 1, NUM_RANGES + 1)[1:-1]
    # The method "lower" gives values of the column. The usual interpolation between two
    # values would give NaN between -inf and inf.
    edges = np.unique(np.quantile(numbers[~is_empty], quantiles, method="lower"))
    texts = [f"{edge:.6g}" for edge in edges]
    if len(set(texts)) < len(texts):
        # 6 digits do not tell the edges apart, for example of times in seconds.
        texts = [f"{edge:.17g}" for edge in edges]
    names = [f"up to {texts[0]}"]
    names += [f"{low} to {high}" for low, high in pairwise(texts)]
    names += [f"above {texts[-1]}", EMPTY]
    codes = np.searchsorted(edges, numbers, side="left")
    codes[is_empty] = len(edges) + 1
    # Ranges without rows are removed, and the remaining ranges are numbered again.
    has_rows = np.bincount(codes, minlength=len(names)) > 0
    new_code = np.cumsum(has_rows) - 1
    return list(compress(names, has_rows)), new_code[codes]


def distinct_values(cells: pa.ChunkedArray) -> tuple[list[str], Array]:
    """Finds the distinct values of a column.

    Returns: the values as text, sorted, numbers first; and the index of each row's
        value among the texts, (rows,).
    """
    encoded = cells.combine_chunks().dictionary_encode(null_encoding="encode")
    values = encoded.dictionary.to_pylist()
    # NaN counts as empty. Only NaN differs from itself.
    texts = [EMPTY if x is None or x != x else printable(str(x)) for x in values]
    order = sorted(range(len(values)), key=lambda i: numbers_first(values[i]))
    # Two values, such as None and NaN, can have the same text. Values with the same
    # text get one code.
    sorted_texts = dict.fromkeys(texts[i] for i in order)
    index_of = {text: i for i, text in enumerate(sorted_texts)}
    codes = np.array([index_of[text] for text in texts])[np.asarray(encoded.indices)]
    return list(index_of), codes


def numbers_first(value: object) -> tuple[bool, float, str]:
    """Returns a key that sorts numbers by size, and puts other values last, as text."""
    if isinstance(value, int | float) and value == value:  # a number, but not NaN
        return False, float(value), ""
    return True, 0.0, str(value)
