"""Lists of ids or words: list columns and delimited text, one value after another."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mtl_cli.columns.numeric import Floats, as_numbers
from mtl_cli.columns.vocabulary import Ids, Values, as_array, is_id, is_list, values_of
from mtl_cli.core.errors import DataError, RowError, shown

COMMON_SEPARATORS = (",", ";", "|", "\t", " ")


class Tokens(NamedTuple):
    """The values of the lists of all rows, one after another."""

    values: Values  # (tokens,)
    rows: Ids  # (tokens,) the row of each value
    positions: Ids  # (tokens,) the position of each value in its row's list, from 0
    weights: Floats  # (tokens,)
    num_rows: int  # of the table


def tokens_of(
    name: str,
    table: pa.Table,
    max_length: int,
    separator: str | None,
    weights: str | None,
) -> Tokens:
    """Returns the last `max_length` values of each row, without empty values.

    Args:
        name: the name of the feature and of its column.
        table: the rows.
        max_length: values per row, at most.
        separator: text between the values of a text column; None for lists.
        weights: column with a number for each value, in the same form; None for 1.

    Raises:
        DataError: if the column holds neither lists nor text to be split, or the
            weights do not fit the values.
    """
    column = table[name]
    flat, rows = flattened(name, column, separator)
    if not is_id(flat.type):
        raise DataError(
            f"feature {name}: needs lists of whole numbers or text, the column holds "
            f"{column.type}; convert its values to text"
        )
    numbers = np.ones(len(rows))
    if weights is not None:
        where = f"feature {name}: weights '{weights}'"
        lists = flattened(f"{name}: weights", table[weights], separator)
        numbers = weights_of_values(where, *lists, flat, rows)
    present = np.flatnonzero(flat.is_valid())
    rows = rows[present]
    lengths = np.bincount(rows, minlength=table.num_rows)[rows]
    positions = np.arange(len(rows)) - np.searchsorted(rows, rows)
    positions -= np.maximum(lengths - max_length, 0)
    kept = positions >= 0
    values = values_of(name, flat.take(pa.array(present[kept])))
    return Tokens(
        values, rows[kept], positions[kept], numbers[present[kept]], table.num_rows
    )


def flattened(
    name: str, column: pa.ChunkedArray, separator: str | None
) -> tuple[pa.Array, Ids]:
    """Returns all values one after another, and the row of each value.

    Text between two separators that is empty is a missing value.
    """
    lists = as_array(column)
    if pa.types.is_null(lists.type):
        return pa.array([], pa.string()), np.zeros(0, "int64")
    text = pa.types.is_string(lists.type) or pa.types.is_large_string(lists.type)
    if separator is not None:
        if not text:
            advice = "remove it" if is_list(lists.type) else "make it kind: sparse"
            raise DataError(
                f"feature {name}: separator {separator!r} is for text, the "
                f"column holds {lists.type}; {advice}"
            )
        lists = pc.split_pattern(without_empty(lists.cast(pa.string())), separator)
    elif not is_list(lists.type):
        fix = "give the separator of its values"
        if not text:
            fix = "convert it to lists, or to text with a separator"
        raise DataError(
            f"feature {name}: kind sequence needs lists, the column holds "
            f"{lists.type}; {fix}"
        )
    flat = pc.list_flatten(lists)
    flat = flat if separator is None else without_empty(flat)
    return flat, np.asarray(pc.list_parent_indices(lists), "int64")


def without_empty(texts: pa.Array) -> pa.Array:
    """Returns texts with a missing value in place of each empty text."""
    return pc.if_else(pc.equal(texts, ""), None, texts)


def weights_of_values(
    where: str, flat: pa.Array, rows: Ids, values: pa.Array, rows_of_values: Ids
) -> Floats:
    """Returns the weight of each value, (values,).

    Args:
        where: the start of messages.
        flat: the weights of all rows, one after another.
        rows: the row of each weight.
        values: the values of all rows, one after another.
        rows_of_values: the row of each value.

    Raises:
        DataError: if a row has not one weight for each value, or the weight of a value
            is no number from 0 up that float32 holds.
    """
    num_rows = 1 + max(
        (int(r[-1]) for r in (rows, rows_of_values) if len(r)), default=0
    )
    num_values = np.bincount(rows_of_values, minlength=num_rows)
    num_weights = np.bincount(rows, minlength=num_rows)
    if (num_values != num_weights).any():
        row = int(np.argmax(num_values != num_weights))
        counts = f"{num_values[row]} values, {num_weights[row]} weights"
        raise RowError(where, row, f"has {counts}; give each value one")
    try:
        weights = as_numbers(where, flat)
    except RowError as error:
        raise RowError(where, int(rows[error.row]), error.problem) from None
    wrong = ~((weights >= 0) & (weights <= np.finfo("float32").max))
    wrong &= np.asarray(values.is_valid())
    if wrong.any():
        first = int(np.argmax(wrong))
        raise RowError(
            where,
            int(rows[first]),
            f"holds {weights[first]:g}, not a number from 0 up that float32 holds; "
            "correct it",
        )
    return weights


class SeparatorCheck:
    """Finds out whether the configured separator separates the values of text.

    Args:
        name: the feature's name.
        separator: the separator in the configuration.
    """

    def __init__(self, name: str, separator: str) -> None:
        self.name, self.separator = name, separator
        self.others = [mark for mark in COMMON_SEPARATORS if mark not in separator]
        self.num_cells = 0
        # Cells that hold the separator, then cells that hold each other mark.
        self.counts: npt.NDArray[np.int64] = np.zeros(1 + len(self.others), "int64")
        self.example = ""

    def add(self, column: pa.ChunkedArray) -> None:
        """Counts the cells of a chunk that hold the separator and the other marks."""
        if self.counts[0]:
            return
        column = pc.drop_null(column.cast(pa.string()))
        self.num_cells += len(column)
        for i, mark in enumerate([self.separator, *self.others]):
            self.counts[i] += pc.sum(pc.match_substring(column, mark)).as_py() or 0
        self.example = self.example or next((v.as_py() for v in column), "")

    def finish(self) -> None:
        """Refuses a separator that no cell holds while most hold the same other mark.

        Raises:
            DataError: because each cell would be one value.
        """
        if self.counts[0] or not self.others:
            return
        most = int(np.argmax(self.counts[1:]))
        if 2 * self.counts[1 + most] <= self.num_cells:
            return
        raise DataError(
            f"feature {self.name}: no cell holds the separator {self.separator!r}; "
            f"cells like {shown(self.example)} seem to be separated by "
            f"{self.others[most]!r}; if each is one value, make it kind: sparse"
        )
