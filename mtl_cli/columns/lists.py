"""Reads lists of ids or words, from columns of lists or of text with a separator.

A row holds a list of values, such as ["a", "b"] or, with the separator "|", the text
"a|b". The model reads only the tokens of the list: the last `max_length` values that
are not empty.
"""

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mtl_cli.columns.arrow_types import is_id, is_list, is_text
from mtl_cli.columns.cells import empty_as_null
from mtl_cli.columns.numeric import (
    FLOAT32_MAX,
    VECTOR_FIX,
    CellError,
    Floats,
    as_numbers,
)
from mtl_cli.columns.vocabulary import Categorical, Integers, as_array, as_categorical
from mtl_cli.core.errors import DataError


class Tokens(NamedTuple):
    """The tokens of all rows, one after another, as ids or words.

    Attributes:
        positions: the position of each token among the tokens of its row, from 0,
            (tokens,).
        num_rows: the number of rows, including rows without tokens.
    """

    categorical: Categorical
    row_numbers: Integers
    positions: Integers
    weights: Floats
    num_rows: int


def read_tokens(
    name: str,
    table: pa.Table,
    max_length: int,
    separator: str | None,
    weight_column: str | None,
) -> Tokens:
    """Reads the tokens of each row from the column `name`.

    Without a separator, only lists are read. The weights of the values are lists too,
    or texts with the same separator, such as "0.5|2". Without a column of weights, each
    value has the weight 1.
    """
    column = table[name]
    values, row_numbers = flatten_lists(name, column, separator)
    if not is_id(values.type):
        raise DataError(
            f"feature {name}: needs lists of whole numbers or text, but the column "
            f"holds {column.type}; convert the values to text if they are ids; or, "
            f"{VECTOR_FIX}"
        )
    weights = np.ones(len(row_numbers))
    if weight_column is not None:
        weights = read_weights(
            name, table, weight_column, separator, values, row_numbers
        )
    indices, positions = find_tokens(values, row_numbers, max_length)
    return Tokens(
        categorical=as_categorical(name, values.take(pa.array(indices))),
        row_numbers=row_numbers[indices],
        positions=positions,
        weights=weights[indices],
        num_rows=table.num_rows,
    )


def find_tokens(
    values: pa.Array, row_numbers: Integers, max_length: int
) -> tuple[Integers, Integers]:
    """Finds the tokens among the values of all rows, (values,).

    The row numbers are ascending. Returns the index of each token in `values`, and its
    position among the tokens of its row, from 0, (tokens,) each.
    """
    indices = np.flatnonzero(values.is_valid())
    row_numbers = row_numbers[indices]
    list_lengths = np.bincount(row_numbers)[row_numbers]  # of each value's list
    num_too_many = np.maximum(list_lengths - max_length, 0)
    # The first values of a list that is too long get positions below 0.
    positions = positions_in_lists(row_numbers) - num_too_many
    is_token = positions >= 0
    return indices[is_token], positions[is_token]


def flatten_lists(
    name: str, column: pa.ChunkedArray, separator: str | None
) -> tuple[pa.Array, Integers]:
    """Puts the values of all lists one after another.

    See `values_and_lengths` for the arguments.

    Returns: the values, (values,), and the row number of each value, (values,).
    """
    values, lengths = values_and_lengths(name, column, separator)
    return values, np.repeat(np.arange(len(lengths)), lengths)


def values_and_lengths(
    name: str, column: pa.ChunkedArray, separator: str | None
) -> tuple[pa.Array, Integers]:
    """Puts the values of all lists one after another.

    A column of lists does not use `separator`, the text between the values of a text.

    Returns: the values, (values,), and the length of each row's list, (rows,). An empty
        text in a list or between two separators becomes null.
    """
    lists = as_array(column)
    if pa.types.is_null(lists.type):
        return pa.array([], pa.string()), np.zeros(len(lists), "int64")
    if is_list(lists.type):
        values = pc.list_flatten(lists)
        values = empty_as_null(values) if is_text(values.type) else values
    elif is_text(lists.type) and separator is not None:
        texts = empty_as_null(lists.cast(pa.string()))
        lists = pc.split_pattern(texts, separator)
        values = empty_as_null(pc.list_flatten(lists))
    else:
        fix = "convert the column to lists"
        if separator is not None:
            fix += f", or to text with {separator!r} between two values"
        elif is_text(lists.type):
            fix += ", or set separator to the text between values, and train again"
        raise DataError(
            f"feature {name}: needs lists, but the column holds {lists.type}; {fix}"
        )
    # Arrow may store values for a list that is null. `list_flatten` skips such values,
    # but `list_parent_indices` counts them. Therefore the rows of the values are
    # computed from the lengths of the lists.
    lengths = pc.fill_null(pc.list_value_length(lists), 0)
    return values, np.asarray(lengths, "int64")


def positions_in_lists(row_numbers: Integers) -> Integers:
    """Returns the position of each value in the list of its row, from 0, (values,).

    The row numbers are ascending.
    """
    # For each value, the index of the first value of its list.
    list_starts = np.searchsorted(row_numbers, row_numbers)
    return np.arange(len(row_numbers)) - list_starts


def read_weights(
    name: str,
    table: pa.Table,
    column: str,
    separator: str | None,
    values: pa.Array,
    row_numbers: Integers,
) -> Floats:
    """Reads the weight of each value, (values,), from a column.

    Refuses rows with more or fewer weights than values, and weights that are empty,
    negative or too large for float32.
    """
    message_start = f"feature {name}: weights '{column}'"
    cells, weight_rows = flatten_lists(f"{name}: weights", table[column], separator)
    num_values = np.bincount(row_numbers, minlength=table.num_rows)
    num_weights = np.bincount(weight_rows, minlength=table.num_rows)
    if (num_values != num_weights).any():
        row = int(np.argmax(num_values != num_weights))
        fault = f"has {num_values[row]} values and {num_weights[row]} weights"
        raise CellError(message_start, row, fault, "give one weight per value")
    try:
        weights = as_numbers(message_start, cells)
    except CellError as error:  # `error.row` is the index of a weight, not of a row
        row = int(row_numbers[error.row])
        raise CellError(message_start, row, error.fault, error.fix) from None
    is_right = (weights >= 0) & (weights <= FLOAT32_MAX)  # false for NaN
    is_wrong = np.asarray(values.is_valid()) & ~is_right  # empty values need no weights
    if is_wrong.any():
        index = int(np.argmax(is_wrong))
        weight = weights[index]
        cell = "has an empty weight" if np.isnan(weight) else f"holds {weight:g}"
        fault = f"{cell}, but a weight must be 0 or more and fit float32"
        row = int(row_numbers[index])
        raise CellError(message_start, row, fault, "correct the cell")
    return weights
