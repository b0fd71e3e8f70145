"""Turns raw columns into the input arrays of an exported model (a graph)."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mtl_cli.columns.lists import flatten_lists
from mtl_cli.columns.numeric import as_numbers
from mtl_cli.columns.vocabulary import Integers, as_categorical
from mtl_cli.graphs.base import InputKind

# {kind of input: the type of a column that holds it}
ARROW_TYPES: dict[InputKind, pa.DataType] = {
    "text": pa.string(),
    "number": pa.float64(),
    "texts": pa.list_(pa.string()),
    "numbers": pa.list_(pa.float64()),
}
RawInput = npt.NDArray[Any]  # an array of `str` objects, or of float64


def raw_column(cells: list[Any], kind: InputKind) -> pa.Array:
    """Makes a column of a table from Python values.

    Args:
        cells: the cells; None is an empty cell.
        kind: what the column holds.
    """
    if kind == "text":
        cells = [None if cell is None else str(cell) for cell in cells]
    return pa.array(cells, ARROW_TYPES[kind])


def raw_input(column: str, cells: pa.ChunkedArray, kind: InputKind) -> RawInput:
    """Converts the cells of a column to an input of an exported graph.

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
    values, rows = flatten_lists(column, cells, separator=None)
    if kind == "numbers":
        return as_matrix(as_numbers(f"column {column}", values), rows, len(cells))
    return as_matrix(as_texts(column, values), rows, len(cells))


def as_texts(column: str, cells: pa.ChunkedArray | pa.Array) -> RawInput:
    """Converts ids or words to an array of `str`, "" where a cell is empty."""
    categories, codes = as_categorical(column, cells)
    texts = np.array([*categories.to_pylist(), ""], dtype=object)
    return np.asarray(texts[codes])  # the code of an empty cell is -1


def as_matrix(values: RawInput, rows: Integers, num_rows: int) -> RawInput:
    """Puts each list into a row of a matrix. Empty cells follow a short list.

    Args:
        values: the values of all lists, one after another.
        rows: the row number of each value, in ascending order.
        num_rows: the number of rows.
    """
    list_starts = np.searchsorted(rows, rows)
    positions = np.arange(len(rows)) - list_starts
    width = int(positions.max()) + 1 if len(rows) else 0
    empty = "" if values.dtype == object else np.nan
    matrix = np.full((num_rows, width), empty, dtype=values.dtype)
    matrix[rows, positions] = values
    return matrix
