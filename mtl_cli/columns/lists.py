"""Lists of ids or words: from list columns or delimited text to padded arrays."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mtl_cli.columns.numeric import as_numbers
from mtl_cli.columns.vocabulary import Ids, Values, as_array, is_id, is_list, values_of
from mtl_cli.core.errors import DataError, RowError, shown
from mtl_cli.features.schema import Sequence

Floats = npt.NDArray[np.float64]
Column = Any  # pa.ChunkedArray, which has no types
MARKS = (",", ";", "|", "\t", " ")


class Tokens(NamedTuple):
    """The values of all rows one after another."""

    values: Values  # (tokens,)
    rows: Ids  # (tokens,) the row of each
    places: Ids  # (tokens,) its place in the row's list, from 0
    weights: Floats  # (tokens,) how often each counts


def tokens_of(
    name: str,
    feature: Sequence,
    column: Column,
    weights: Column | None,
) -> Tokens:
    """Returns the last `max_length` values of each row; empty ones are left out.

    Raises:
        DataError: if the column holds neither lists nor text to be split, or a row
            has not one weight for each value.
    """
    flat, rows = flattened(name, feature, column)
    if not is_id(flat.type):
        raise DataError(
            f"feature {name}: needs lists of whole numbers or text, the column holds "
            f"{column.type}; convert its values to text"
        )
    counts = np.ones(len(rows))
    present = np.flatnonzero(flat.is_valid())
    if weights is not None:
        counts = weights_of(name, feature, weights, rows, present, len(column))
    rows = rows[present]
    lengths = np.bincount(rows, minlength=len(column))[rows]
    places = np.arange(len(rows)) - np.searchsorted(rows, rows)
    places -= np.maximum(lengths - feature.max_length, 0)
    kept = places >= 0
    present = present[kept]
    values = values_of(name, flat.take(pa.array(present)))
    return Tokens(values, rows[kept], places[kept], counts[present])


def flattened(name: str, feature: Sequence, column: Column) -> tuple[pa.Array, Ids]:
    """Returns all values one after another, and the row of each; empty text is none."""
    lists = as_array(column)
    if pa.types.is_null(lists.type):
        return pa.array([], pa.string()), np.zeros(0, "int64")
    text = pa.types.is_string(lists.type) or pa.types.is_large_string(lists.type)
    if feature.separator is not None:
        if not text:
            advice = "remove it" if is_list(lists.type) else "make it kind: sparse"
            raise DataError(
                f"feature {name}: separator {feature.separator!r} is for text, the "
                f"column holds {lists.type}; {advice}"
            )
        lists = pc.split_pattern(known(lists.cast(pa.string())), feature.separator)
    elif not is_list(lists.type):
        fix = "give the separator of its values"
        if not text:
            fix = "convert it to lists, or to text with a separator"
        raise DataError(
            f"feature {name}: kind sequence needs lists, the column holds "
            f"{lists.type}; {fix}"
        )
    flat = pc.list_flatten(lists)
    flat = flat if feature.separator is None else known(flat)
    return flat, np.asarray(pc.list_parent_indices(lists), "int64")


def known(texts: pa.Array) -> pa.Array:
    """Returns texts with a missing value in place of each empty one."""
    return pc.if_else(pc.equal(texts, ""), None, texts)


def weights_of(
    name: str,
    feature: Sequence,
    column: Column,
    rows: Ids,
    present: Ids,
    num_rows: int,
) -> Floats:
    """Returns the weight of each value, (values,).

    Args:
        name: of the feature.
        feature: whose separator the weights have too.
        column: of the weights.
        rows: of the values, (values,).
        present: which values are not missing, so that their weights must be numbers.
        num_rows: of the table.
    """
    where = f"feature {name}: weights '{feature.weights}'"
    flat, rows_of_weights = flattened(f"{name}: weights", feature, column)
    values, weights = (
        np.bincount(r, minlength=num_rows) for r in (rows, rows_of_weights)
    )
    if (values != weights).any():
        row = int(np.argmax(values != weights))
        what = f"has {values[row]} values, {weights[row]} weights; give each value one"
        raise RowError(where, row, what)
    try:
        x = as_numbers(where, flat)
    except RowError as error:
        raise RowError(where, int(rows[error.row]), error.what) from None
    some = x[present]
    wrong = present[~((some >= 0) & (some <= np.finfo("float32").max))]
    if len(wrong):
        first = int(wrong[0])
        what = (
            f"holds {x[first]:g}, not a number from 0 up that float32 holds; correct it"
        )
        raise RowError(where, int(rows[first]), what)
    return x


class Separator:
    """Finds out whether text is separated by what the configuration says.

    Args:
        name: of the feature.
        separator: that is configured.
    """

    def __init__(self, name: str, separator: str) -> None:
        self.name, self.separator = name, separator
        self.marks = [mark for mark in MARKS if mark not in separator]
        self.cells, self.found = 0, np.zeros(1 + len(self.marks), "int64")
        self.example = ""

    def add(self, column: Column) -> None:
        """Counts the cells that hold the separator, and those with other marks."""
        if self.found[0]:
            return
        column = pc.drop_null(column.cast(pa.string()))
        self.cells += len(column)
        for i, mark in enumerate([self.separator, *self.marks]):
            self.found[i] += pc.sum(pc.match_substring(column, mark)).as_py() or 0
        self.example = self.example or next((v.as_py() for v in column), "")

    def check(self) -> None:
        """Refuses a separator that no cell holds where most hold the same other mark.

        Raises:
            DataError: since each cell would be taken for one value.
        """
        most = int(np.argmax(self.found[1:])) + 1 if self.marks else 0
        if self.found[0] or 2 * self.found[most] <= self.cells:
            return
        raise DataError(
            f"feature {self.name}: no cell holds the separator {self.separator!r}; "
            f"those like {shown(self.example)} seem to be separated by "
            f"{self.marks[most - 1]!r}; if each is one value, make it kind: sparse"
        )


def padded(
    feature: Sequence, tokens: Tokens, ids: Ids, num_rows: int
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
    """Returns ids and how much each counts, both (rows, max_length), 0 where padded.

    A row's counts add up to 1 with pooling `mean`.
    """
    shape = (num_rows, feature.max_length)
    padded_ids = np.zeros(shape, "int32")
    weights = np.zeros(shape, "float32")
    padded_ids[tokens.rows, tokens.places] = ids
    weights[tokens.rows, tokens.places] = tokens.weights
    if feature.pooling == "mean":
        total = weights.sum(axis=1, keepdims=True)
        weights /= np.where(total > 0, total, 1)
    return padded_ids, weights
