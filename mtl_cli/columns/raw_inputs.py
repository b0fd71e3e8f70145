"""Converts raw columns to the input arrays of an exported graph."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mtl_cli.columns.lists import flatten_lists, positions_in_lists
from mtl_cli.columns.numeric import as_numbers
from mtl_cli.columns.vocabulary import as_categorical
from mtl_cli.graphs.base import InputKind

ARROW_TYPES_BY_KIND: dict[InputKind, pa.DataType] = {
    "text": pa.string(),
    "number": pa.float64(),
    "texts": pa.list_(pa.string()),
    "numbers": pa.list_(pa.float64()),
}
TextsOrNumbers = npt.NDArray[Any]  # an array of `str` objects, or of float64


def raw_column(cells: list[Any], kind: InputKind) -> pa.Array:
    """Makes a column from Python values, with the type that an exported graph reads."""
    if kind == "text":
        # If a numeric feature reads the column too, its cells are numbers.
        cells = [as_text(cell) for cell in cells]
    if kind == "texts":
        cells = [[as_text(value) for value in cell or []] for cell in cells]
    return pa.array(cells, ARROW_TYPES_BY_KIND[kind])


def as_text(value: object) -> str | None:
    return None if value is None else str(value)


def graph_input(column: str, cells: pa.ChunkedArray, kind: InputKind) -> TextsOrNumbers:
    """Converts the cells of a column to an input of an exported graph.

    Returns: (rows,) or, for lists, (rows, length of the longest list). Texts are `str`
        objects, "" where a cell is empty; numbers are float64, NaN where a cell is
        empty. Short lists end with such empty cells.
    """
    if kind == "number":
        return as_numbers(f"column {column}", cells)
    if kind == "text":
        return as_texts(column, cells)
    values, row_numbers = flatten_lists(column, cells, separator=None)
    if kind == "numbers":
        array: TextsOrNumbers = as_numbers(f"column {column}", values)
        empty: str | float = np.nan
    else:
        array, empty = as_texts(column, values), ""
    positions = positions_in_lists(row_numbers)
    width = int(positions.max()) + 1 if len(row_numbers) else 0
    matrix = np.full((len(cells), width), empty, dtype=array.dtype)
    matrix[row_numbers, positions] = array
    return matrix


def as_texts(column: str, values: pa.ChunkedArray | pa.Array) -> TextsOrNumbers:
    """Converts ids or words to `str` objects, (values,), "" where a value is empty."""
    categories, codes = as_categorical(column, values)
    texts = np.array([*categories.to_pylist(), ""], dtype=object)
    return np.asarray(texts[codes])  # the code of an empty value is -1
