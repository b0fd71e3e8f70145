"""Cuts a table into slices by a column or feature: by values, or ranges of numbers.

A *value code* is the index of a row's value (or range) among the distinct values of the
column, see `scoring/value_codes.py`. A *slice code* is the index of a row's slice among
the slices. The two differ because rare values share the slice `OTHER`. For example, if
only Bonn is a rare value:

    city           Bonn  Rome  Ulm  Rome
    value code        0     1    2     1     values: Bonn, Rome, Ulm
    slice code        2     0    1     0     slices: Rome, Ulm, (other)
"""

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from mtl_cli.columns.arrow_types import unusable_type
from mtl_cli.core.errors import DataError
from mtl_cli.core.message_text import printable
from mtl_cli.data.feature_set import FeatureSet
from mtl_cli.data.table import Array
from mtl_cli.scoring.value_codes import codes_of_values

MIN_ROWS = 100  # values with fewer rows are merged into the slice `OTHER`
# The largest number of slices by one column, with `OTHER`: 24 hours and empty cells.
MAX_SLICES = 25
OTHER = "(other)"  # the name of the slice of rare values


@dataclass(frozen=True)
class Slices:
    """The slices by a column or feature; `codes` has the index of each row's name."""

    column: str
    names: list[str]
    codes: Array


def slices_by(column: str, cells: pa.ChunkedArray, are_ids: bool) -> Slices:
    """Cuts rows into slices by a column.

    There is one slice per value or range, see `codes_of_values`. Values and ranges with
    fewer than `MIN_ROWS` rows are merged into the slice `OTHER`, and so are the rarest
    values if there would be more than `MAX_SLICES` slices. Ids are not cut into ranges.
    """
    check_slice_column(column, cells)
    value_names, value_codes = codes_of_values(cells, are_ids)
    frequent_codes, slice_codes = merge_rare_values(value_codes)
    names = [value_names[code] for code in frequent_codes]
    return with_other(Slices(column, names, slice_codes))


def check_slice_column(column: str, cells: pa.ChunkedArray) -> None:
    """Raises a `DataError` if the cells are not numbers, texts or times.

    If there are no cells, only their type is checked.
    """
    if unusable := unusable_type(cells):
        raise DataError(
            f"--by: column '{column}' holds {unusable}; name a column with a number, a "
            "text or a time in each cell"
        )


def slices_by_features(features: FeatureSet, encoded: dict[str, Array]) -> list[Slices]:
    """Cuts rows into slices by each feature whose encoded values have names.

    A feature with all rows in one slice is left out.
    """
    slices_of_features = [
        slices_by_feature(features, name, features.summary(encoded, name))
        for name in features.by_name
    ]
    return [s for s in slices_of_features if s is not None and len(s.names) > 1]


def slices_by_feature(features: FeatureSet, name: str, values: Array) -> Slices | None:
    """Cuts rows into slices by a feature, in the order of its encoded values.

    For example, the encoded values of a sparse feature are ids, and the vocabulary has
    their names. Values with the same name are one slice.

    Args:
        values: the feature's number of each row, see `FeatureSet.summary`, (rows,).

    Returns: the slices; None if the values have no names.
    """
    distinct, value_codes = np.unique(values, return_inverse=True)
    value_names = features.value_names(distinct, name)
    if value_names is None:
        return None
    texts = [printable(text) for text in value_names]
    names = list(dict.fromkeys(texts))
    code_of_text = {text: code for code, text in enumerate(names)}
    codes = np.array([code_of_text[text] for text in texts])[value_codes]
    frequent_codes, slice_codes = merge_rare_values(codes)
    names = [names[code] for code in frequent_codes]
    return with_other(Slices(name, names, slice_codes))


def merge_rare_values(value_codes: Array) -> tuple[Array, Array]:
    """Makes a slice of each frequent value, and one slice of all rare values.

    Returns: the value codes of the S frequent values, ascending, (S,); and the slice
        code of each row, (rows,), S for a rare value.
    """
    counts = np.bincount(value_codes)
    # If there are too many values, one of the slices is `OTHER`.
    max_frequent = MAX_SLICES if len(counts) <= MAX_SLICES else MAX_SLICES - 1
    codes_by_count = np.argsort(-counts, kind="stable")[:max_frequent]
    frequent_codes = np.sort(codes_by_count[counts[codes_by_count] >= MIN_ROWS])
    num_frequent = len(frequent_codes)
    slice_of_value = np.full(len(counts), num_frequent)
    slice_of_value[frequent_codes] = np.arange(num_frequent)
    return frequent_codes, slice_of_value[value_codes]


def with_other(slices: Slices) -> Slices:
    """Adds the slice `OTHER`, with the code `len(names)`, if it has rows.

    If a value of the column has this name, its rows join the slice.
    """
    is_rare = slices.codes == len(slices.names)
    if OTHER in slices.names:
        codes = np.where(is_rare, slices.names.index(OTHER), slices.codes)
        return replace(slices, codes=codes)
    return replace(slices, names=[*slices.names, OTHER]) if is_rare.any() else slices
