"""Cells of a column: which are empty, which equal a value of the configuration."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mtl_cli.core.errors import DataError

Mask = npt.NDArray[np.bool_]


def empty_cells(column: pa.ChunkedArray) -> Mask:
    """Returns which cells of a column are null or NaN, (rows,)."""
    return np.asarray(pc.is_null(column, nan_is_null=True))


def cells_equal(where: str, column: pa.ChunkedArray, value: Any, key: str) -> Mask:
    """Returns which cells of a column hold a value that the configuration names.

    The value is converted to the column's type: 1 equals "1" in a column of text, and
    "1" equals 1 in a column of numbers.

    Args:
        where: the task and the column, for messages.
        column: the column to look into.
        value: the value to look for.
        key: the setting that names the value, for messages.

    Raises:
        DataError: if the column's type cannot hold the value.
    """
    if pa.types.is_null(column.type):
        return np.zeros(len(column), bool)
    try:
        if pa.types.is_string(column.type):
            value = str(value)
        same = pc.equal(column, pa.scalar(value).cast(column.type))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise DataError(
            f"{where} holds {column.type}, which `{key}: {value!r}` is not"
        ) from None
    return np.asarray(pc.fill_null(same, False))


def distinct_cells(column: pa.ChunkedArray, rows: Mask) -> list[Any]:
    """Returns the values of some rows, each once, without empty cells.

    Args:
        column: the column to look into.
        rows: which rows to look at, (rows,).
    """
    # Arrow cannot filter views of text, but it can encode them and filter the codes.
    encoded = column.dictionary_encode().combine_chunks()
    codes = pc.unique(encoded.indices.filter(pa.array(rows))).to_pylist()
    values = encoded.dictionary.to_pylist()
    distinct = [values[code] for code in codes if code is not None]
    return [value for value in distinct if value is not None and value == value]
