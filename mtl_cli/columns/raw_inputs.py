"""Converts raw columns to the input arrays of an exported graph."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mtl_cli.columns.lists import flatten_lists, positions_in_lists
from mtl_cli.columns.numeric import as_numbers
from mtl_cli.columns.vocabulary import Integers, as_categorical
from mtl_cli.graphs.base import InputKind

ARROW_TYPES_BY_KIND: dict[InputKind, pa.DataType] = {
    "text": pa.string(),
    "number": pa.float64(),
    "texts": pa.list_(pa.string()),
    "numbers": pa.list_(pa.float64()),
}
TextsOrNumbers = npt.NDArray[Any]  # an array of `str` objects, or of float64


def raw_column(cells: list[Any], kind: InputKind) -> pa.Array:
    """Makes a column, of the kind that an exported graph reads, from Python values."""
    # A numeric feature may read a column of kind "text" too; its cells are numbers.
    if kind == "text":
        cells = [None if cell is None else str(cell) for cell in cells]
    return pa.array(cells, ARROW_TYPES_BY_KIND[kind])


def graph_input(column: str, cells: pa.ChunkedArray, kind: InputKind) -> TextsOrNumbers:
    """Converts the cells of a column to an input of an exported graph.

    Returns: (rows,), or (rows, longest list). Texts are `str` objects, "" where a cell
        is empty; numbers are float64, NaN where a cell is empty.

    Raises:
        DataError: if the cells do not fit the input.
    """
    convert: Callable[[pa.ChunkedArray | pa.Array], TextsOrNumbers]
    if kind in ("number", "numbers"):
        convert = partial(as_numbers, f"column {column}")
    else:
        convert = partial(as_texts, column)
    if kind in ("number", "text"):
        return convert(cells)
    values, row_numbers = flatten_lists(column, cells, separator=None)
    return as_matrix(convert(values), row_numbers, len(cells))


def as_texts(column: str, cells: pa.ChunkedArray | pa.Array) -> TextsOrNumbers:
    """Converts ids or words to an array of `str`, "" where a cell is empty."""
    categories, codes = as_categorical(column, cells)
    texts = np.array([*categories.to_pylist(), ""], dtype=object)
    return np.asarray(texts[codes])  # the code of an empty cell is -1


def as_matrix(
    values: TextsOrNumbers, row_numbers: Integers, num_rows: int
) -> TextsOrNumbers:
    """Puts each list into a row of a matrix, and fills short rows with "" or NaN.

    `values` are the values of all lists, one after another, and `row_numbers` their
    rows in ascending order.
    """
    positions = positions_in_lists(row_numbers)
    width = int(positions.max()) + 1 if len(row_numbers) else 0
    empty = "" if values.dtype == object else np.nan
    matrix = np.full((num_rows, width), empty, dtype=values.dtype)
    matrix[row_numbers, positions] = values
    return matrix
