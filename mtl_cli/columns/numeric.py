"""Reads numeric columns, checks their numbers, and fills empty cells."""

from collections.abc import Mapping
from operator import methodcaller

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mtl_cli.columns.arrow_types import is_number, is_text
from mtl_cli.columns.cells import Mask, first_unconvertible_cell
from mtl_cli.core.errors import DataError, RowError, shown

Floats = npt.NDArray[np.float64]


def read_numbers(
    name: str, column: pa.ChunkedArray, missing: str | float = "error"
) -> Floats:
    """Reads the column of a numeric feature as floats, NaN for empty cells, (rows,).

    Raises:
        DataError: if a cell holds text or infinity, or is empty while `missing` is
            `error`.
    """
    message_start = f"feature {name}"
    try:
        x = as_numbers(message_start, column)
    except RowError as error:
        problem = (
            f"{error.problem}, or, as the column holds {column.type}, set the "
            "feature's kind to sparse"
        )
        raise RowError(message_start, error.row, problem) from None
    is_wrong = ~np.isfinite(x) if missing == "error" else np.isinf(x)
    if is_wrong.any():
        row = int(np.argmax(is_wrong))
        cell = "is empty" if column[row].as_py() is None else f"holds {x[row]}"
        fix = "fill or remove them"
        if not np.isinf(x[row]):  # `missing:` does not change infinity
            fix += ", or say in `missing:` how to read empty cells"
        problem = f"{cell}, not a number ({int(is_wrong.sum())} such rows); {fix}"
        raise RowError(message_start, row, problem)
    return x


def as_numbers(message_start: str, column: pa.ChunkedArray | pa.Array) -> Floats:
    """Converts a column to floats, NaN for empty cells, (rows,).

    `message_start` names the feature or setting that reads the column, in messages.

    Raises:
        DataError: if the column does not hold numbers, booleans or text such as "1.5".
    """
    if is_text(column.type):
        to_float64 = methodcaller("cast", pa.float64())
        try:
            column = to_float64(column)
        except pa.ArrowInvalid:
            row = first_unconvertible_cell(column, to_float64)
            if row is None:
                raise
            problem = f"holds {shown(column[row].as_py())}, not a number; correct it"
            raise RowError(message_start, row, problem) from None
    elif not (is_number(column.type) or pa.types.is_null(column.type)):
        raise DataError(
            f"{message_start}: needs numbers, but the column holds {column.type}; "
            "convert it to numbers"
        )
    x = pc.fill_null(pc.cast(column, pa.float64(), safe=False), float("nan"))
    return np.asarray(x, "float64")


def check_numbers(
    message_start: str, x: Floats, is_wrong: Mask, rule: str, fix: str
) -> None:
    """Raises an error that names the first wrong number, if there is one.

    Args:
        message_start: the feature, task or setting and its column, for the message.
        x: numbers, (rows,).
        is_wrong: whether each number breaks the rule, (rows,).
        rule: what a number must be, for the message.
        fix: what the user can do, for the message.

    Raises:
        RowError: if a number is wrong.
    """
    if is_wrong.any():
        row, count = int(np.argmax(is_wrong)), int(is_wrong.sum())
        problem = f"holds {x[row]:g}, not {rule} ({count} such rows); {fix}"
        raise RowError(message_start, row, problem)


def refuse_above_float32(name: str, x: Floats) -> Floats:
    """Returns the numbers of a feature unchanged, after a check that they fit float32.

    Raises:
        DataError: if a number is too large for float32.
    """
    wrong_rows = np.flatnonzero(np.abs(x) > np.finfo("float32").max)
    if len(wrong_rows):
        row, count = int(wrong_rows[0]), len(wrong_rows)
        problem = (
            f"is too large for the network ({x[row]:g}, {count} such rows); correct "
            "it, or set the feature's kind to bucketized"
        )
        raise RowError(f"feature {name}", row, problem)
    return x


def fill_value(x: Floats, missing: str | float) -> dict[str, float]:
    """Returns {"missing": the number that replaces an empty cell}; {} for `error`.

    x are the numbers of the training rows, without NaN.
    """
    if missing == "error":
        return {}
    if missing == "mean":
        return {"missing": float(x.mean())}
    if missing == "median":
        return {"missing": float(np.median(x))}
    return {"missing": float(missing)}


def fill_empty(x: Floats, learnt: Mapping[str, float]) -> Floats:
    """Replaces NaN by `learnt["missing"]`; without this value, nothing changes."""
    return np.where(np.isnan(x), learnt["missing"], x) if "missing" in learnt else x
