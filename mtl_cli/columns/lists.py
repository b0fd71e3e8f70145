"""Lists of ids or words, read from list columns and from delimited text."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mtl_cli.columns.arrow_types import is_id, is_list, is_text
from mtl_cli.columns.numeric import Floats, as_numbers
from mtl_cli.columns.vocabulary import Categorical, Integers, as_array, as_categorical
from mtl_cli.core.errors import DataError, RowError, shown

COMMON_SEPARATORS = (",", ";", "|", "^", "\t", " ")


class Tokens(NamedTuple):
    """The tokens of all rows, one after another; a token is a value in a row's list."""

    values: Categorical  # (tokens,)
    rows: Integers  # (tokens,) the row that each token belongs to
    positions: Integers  # (tokens,) the token's position in its row, from 0
    weights: Floats  # (tokens,)
    num_rows: int  # number of rows, rows without tokens included


def tokens_of(
    name: str,
    table: pa.Table,
    max_length: int,
    separator: str | None,
    weights: str | None,
) -> Tokens:
    """Returns the last `max_length` tokens of each row, without empty ones.

    Args:
        name: the name of the feature and of its column.
        table: the rows.
        max_length: largest number of tokens that a row keeps.
        separator: text between the values of a text column; None for a list column.
        weights: the column with the weights of the values, in the same form as the
            values: lists or text. None gives each value the weight 1.

    Raises:
        DataError: if the column holds neither lists nor text to be split, or the
            weights do not fit the values.
    """
    column = table[name]
    values, rows = flattened(name, column, separator)
    if not is_id(values.type):
        raise DataError(
            f"feature {name}: needs lists of whole numbers or text, the column holds "
            f"{column.type}; convert its values to text"
        )
    value_weights = np.ones(len(rows))
    if weights is not None:
        value_weights = weights_of_values(name, table, weights, separator, values, rows)
    present = np.flatnonzero(values.is_valid())
    rows = rows[present]
    lengths = np.bincount(rows, minlength=table.num_rows)[rows]
    first_of_row = np.searchsorted(rows, rows)  # `rows` is sorted
    positions = np.arange(len(rows)) - first_of_row
    positions -= np.maximum(lengths - max_length, 0)  # below 0: too early in the list
    is_kept = positions >= 0
    kept_indices = present[is_kept]
    return Tokens(
        as_categorical(name, values.take(pa.array(kept_indices))),
        rows[is_kept],
        positions[is_kept],
        value_weights[kept_indices],
        table.num_rows,
    )


def flattened(
    name: str, column: pa.ChunkedArray, separator: str | None
) -> tuple[pa.Array, Integers]:
    """Returns the values of all rows one after another, and the row of each value.

    An empty text between two separators counts as a missing value.

    Args:
        name: the feature or its weights, for error messages.
        column: lists, or text to be split.
        separator: text between the values of a text column; None for a list column.

    Raises:
        DataError: if the column's type and the separator do not fit each other.
    """
    lists = as_array(column)
    if pa.types.is_null(lists.type):
        return pa.array([], pa.string()), np.zeros(0, "int64")
    if separator is not None:
        if not is_text(lists.type):
            fix = "convert its values to text"
            if is_list(lists.type):
                fix = "remove the key separator"
            raise DataError(
                f"feature {name}: separator {separator!r} is for text, the "
                f"column holds {lists.type}; {fix}"
            )
        lists = pc.split_pattern(empty_as_null(lists.cast(pa.string())), separator)
    elif not is_list(lists.type):
        fix = "convert it to lists, or to text with a separator"
        if is_text(lists.type):
            fix = "give the separator of its values"
        raise DataError(
            f"feature {name}: needs lists, the column holds {lists.type}; {fix}"
        )
    values = pc.list_flatten(lists)
    values = values if separator is None else empty_as_null(values)
    return values, np.asarray(pc.list_parent_indices(lists), "int64")


def empty_as_null(texts: pa.Array) -> pa.Array:
    """Returns texts with null in place of each empty text."""
    return pc.if_else(pc.equal(texts, ""), None, texts)


def weights_of_values(
    name: str,
    table: pa.Table,
    column: str,
    separator: str | None,
    values: pa.Array,
    rows: Integers,
) -> Floats:
    """Returns the weight of each value, (values,).

    Args:
        name: the name of the feature.
        table: the rows.
        column: the column of the weights.
        separator: text between the weights of a text column; None for a list column.
        values: the values of all rows, one after another.
        rows: the row that each value belongs to, (values,).

    Raises:
        DataError: if a row has more or fewer weights than values, or if the weight of
            a value is empty, negative or too large for float32.
    """
    message_start = f"feature {name}: weights '{column}'"
    numbers, rows_of_numbers = flattened(f"{name}: weights", table[column], separator)
    num_values = np.bincount(rows, minlength=table.num_rows)
    num_weights = np.bincount(rows_of_numbers, minlength=table.num_rows)
    if (num_values != num_weights).any():
        row = int(np.argmax(num_values != num_weights))
        counts = f"{num_values[row]} values, {num_weights[row]} weights"
        raise RowError(message_start, row, f"has {counts}; give one weight per value")
    try:
        weights = as_numbers(message_start, numbers)
    except RowError as error:  # `error.row` is an index into all weights
        raise RowError(message_start, int(rows[error.row]), error.problem) from None
    is_wrong = ~((weights >= 0) & (weights <= np.finfo("float32").max))
    is_wrong &= np.asarray(values.is_valid())
    if is_wrong.any():
        first = int(np.argmax(is_wrong))
        is_empty = np.isnan(weights[first])
        cell = "is empty" if is_empty else f"holds {weights[first]:g}"
        rule = "a weight must be 0 or more and fit float32; correct it"
        raise RowError(message_start, int(rows[first]), f"{cell}: {rule}")
    return weights


class SeparatorCheck:
    """Checks, chunk by chunk, that text is separated by the configured separator.

    Args:
        name: the feature's name.
        separator: the separator in the configuration.
    """

    def __init__(self, name: str, separator: str) -> None:
        self.name = name
        others = [mark for mark in COMMON_SEPARATORS if mark not in separator]
        self.separators = [separator, *others]
        self.num_cells = 0
        # The number of cells that contain each of `separators`.
        self.counts: npt.NDArray[np.int64] = np.zeros(len(self.separators), "int64")
        self.examples: dict[str, str] = {}  # {separator: a cell that contains it}

    def add(self, column: pa.ChunkedArray) -> None:
        """Counts the cells of a chunk that contain each of the separators."""
        if self.counts[0]:
            return
        column = pc.drop_null(column.cast(pa.string()))
        self.num_cells += len(column)
        for i, separator in enumerate(self.separators):
            contains = pc.match_substring(column, separator)
            self.counts[i] += pc.sum(contains).as_py() or 0
            for cell in pc.filter(column, contains)[:1].to_pylist():
                self.examples.setdefault(separator, cell)

    def finish(self) -> None:
        """Refuses the configured separator if it looks like a mistake.

        Raises:
            DataError: if no cell contains the separator, and most cells contain
                another common separator.
        """
        most_frequent = int(np.argmax(self.counts))
        if self.counts[0] or 2 * self.counts[most_frequent] <= self.num_cells:
            return
        likely = self.separators[most_frequent]
        raise DataError(
            f"feature {self.name}: no cell holds the separator {self.separators[0]!r}; "
            f"cells like {shown(self.examples[likely])} seem to be separated by "
            f"{likely!r}; if each is one value, make it "
            "kind: sparse"
        )
