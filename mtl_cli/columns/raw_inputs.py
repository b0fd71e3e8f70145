"""Turns raw columns into the arrays that an exported graph reads."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mtl_cli.columns.lists import flattened
from mtl_cli.columns.numeric import as_numbers
from mtl_cli.columns.vocabulary import Integers, as_categorical
from mtl_cli.graphs.base import InputKind

# The type of a column that holds a kind of input.
ARROW_TYPES: dict[InputKind, pa.DataType] = {
    "text": pa.string(),
    "number": pa.float64(),
    "texts": pa.list_(pa.string()),
    "numbers": pa.list_(pa.float64()),
}
RawInput = npt.NDArray[Any]  # of `str` objects or float64


def raw_column(cells: list[Any], kind: InputKind) -> pa.Array:
    """Returns Python values, None for an empty cell, as a column of a table."""
    if kind == "text":
        cells = [None if cell is None else str(cell) for cell in cells]
    return pa.array(cells, ARROW_TYPES[kind])


def raw_input(column: str, cells: pa.ChunkedArray, kind: InputKind) -> RawInput:
    """Returns the cells of a column as an input of an exported graph.

    Args:
        column: the name of the column, for errors.
        cells: the cells; ids may be whole numbers or text.
        kind: what the input holds.

    Returns: (rows,), or (rows, longest list). Texts are `str` objects, "" where a cell
        is empty; numbers are float64, NaN where a cell is empty.

    Raises:
        DataError: if the cells do not fit the input.
    """
    if kind == "number":
        return as_numbers(f"column {column}", cells)
    if kind == "text":
        return as_texts(column, cells)
    values, rows = flattened(column, cells, separator=None)
    if kind == "numbers":
        return as_matrix(as_numbers(f"column {column}", values), rows, len(cells))
    return as_matrix(as_texts(column, values), rows, len(cells))


def as_texts(column: str, cells: pa.ChunkedArray | pa.Array) -> RawInput:
    """Returns ids or words as an array of `str`, "" where a cell is empty."""
    categories, codes = as_categorical(column, cells)
    texts = np.array([*categories.to_pylist(), ""], dtype=object)
    return np.asarray(texts[codes])  # the code of an empty cell is -1


def as_matrix(values: RawInput, rows: Integers, num_rows: int) -> RawInput:
    """Returns lists as the rows of a matrix, with empty cells after short lists.

    Args:
        values: the values of all lists, one after another.
        rows: the row of each value, in ascending order.
        num_rows: the number of rows.
    """
    positions = np.arange(len(rows)) - np.searchsorted(rows, rows)
    width = int(positions.max()) + 1 if len(rows) else 0
    empty = "" if values.dtype == object else np.nan
    matrix = np.full((num_rows, width), empty, dtype=values.dtype)
    matrix[rows, positions] = values
    return matrix
