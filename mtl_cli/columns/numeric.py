"""Reads numeric columns, checks their numbers, and fills empty cells."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mtl_cli.columns.arrow_types import is_list, is_number, is_text, nearest_float64
from mtl_cli.columns.cells import Mask, empty_as_null, first_unconvertible_cell
from mtl_cli.core.errors import DataError, RowError
from mtl_cli.core.learnt_values import check_number
from mtl_cli.core.message_text import counted, shown
from mtl_cli.core.tensors import Tensor
from mtl_cli.graphs.base import GraphOps

Floats = npt.NDArray[np.float64]
# The advice for a column of lists of numbers.
VECTOR_FIX = "if each list is a vector, set the feature's kind to vector"
FLOAT32_MAX = float(np.finfo("float32").max)


class CellError(RowError):
    """A wrong cell of a column, see `RowError`.

    `fault` says what is wrong with the cell, such as "holds inf, not a finite number",
    `fix` what the user can do, and `count_text` how many cells are wrong, such as
    "3 such rows". Callers can raise the same fault with another fix.
    """

    def __init__(
        self, message_start: str, row: int, fault: str, fix: str, count_text: str = ""
    ) -> None:
        count = f" ({count_text})" if count_text else ""
        super().__init__(message_start, row, f"{fault}{count}; {fix}")
        self.fault, self.fix = fault, fix


def read_numbers(
    name: str, column: pa.ChunkedArray, missing: str | float = "error"
) -> Floats:
    """Reads the column of the numeric feature `name` as floats, (rows,).

    `missing` is the key of the feature; `error` refuses empty cells. Otherwise the
    result is NaN where a cell is empty or holds the text "nan".
    """
    message_start = f"feature {name}"
    fix_for_text = (
        "correct the cell; or, if the column is meant to be text, set the feature's "
        "kind to sparse"
    )
    x = as_numbers(message_start, column, fix_for_text, VECTOR_FIX)
    fix = "correct the cells or remove the rows"
    check_numbers(message_start, x, np.isinf(x), "a finite number", fix)
    if missing == "error":
        # The message is also shown at prediction, when the model is trained.
        fix = (
            "fill the cells or remove the rows, or train with `missing:`, which says "
            "how to read empty cells"
        )
        check_numbers(message_start, x, np.isnan(x), "a number", fix)
    return x


def as_numbers(
    message_start: str,
    column: pa.ChunkedArray | pa.Array,
    fix: str = "correct the cell",
    list_fix: str = "write each number of a list into a column of its own",
) -> Floats:
    """Converts numbers, booleans or text such as "1.5" to floats.

    `fix` is what the user can do about a cell that holds a word, and `list_fix` about a
    column of lists. Refuses columns of other types.

    Returns: (rows,), NaN where a cell is empty or holds the text "nan".
    """
    if is_text(column.type):
        # Arrow's reader of CSV files ignores spaces around numbers too.
        column = empty_as_null(pc.ascii_trim(column, " \t"))
        to_float64 = partial(pc.cast, target_type=pa.float64())
        try:
            column = to_float64(column)
        except pa.ArrowInvalid:
            row = first_unconvertible_cell(column, to_float64)
            if row is None:
                raise
            fault = f"holds {shown(column[row].as_py())}, not a number"
            raise CellError(message_start, row, fault, fix) from None
    elif not (is_number(column.type) or pa.types.is_null(column.type)):
        raise DataError(
            f"{message_start}: needs numbers, but the column holds {column.type}; "
            + (list_fix if is_list(column.type) else "convert the column to numbers")
        )
    x = pc.fill_null(nearest_float64(column), float("nan"))
    return np.asarray(x, "float64")


def number_graph(
    name: str, missing: str | float, ops: GraphOps, max_size: float
) -> Tensor:
    """Builds `read_numbers` as a graph for exported models.

    The graph refuses numbers with an absolute value above `max_size`, and empty cells
    if `missing` is `error`.
    """
    x = ops.read_column(name, "number")
    ops.require(ops.is_within(x, -max_size, max_size))
    if missing == "error":
        ops.require(ops.is_number(x))
    return x


def numbers_from_0_to_1(key: str, column: str, table: pa.Table, rule: str) -> Floats:
    """Reads a column of numbers from 0 to 1, (rows,). No cell may be empty.

    `key` names the column in the configuration, and `rule` says what the numbers must
    be: "a probability from 0 to 1".
    """
    message_start = f"{key}: column '{column}'"
    numbers = as_numbers(message_start, table[column])
    is_wrong = ~((numbers >= 0) & (numbers <= 1))  # also true for NaN
    check_numbers(message_start, numbers, is_wrong, rule, "correct the cell")
    return numbers


def first_wrong(is_wrong: Mask) -> tuple[int, str] | None:
    """Returns the index of the first wrong row, and a text such as "3 such rows".

    Returns None if no row is wrong.
    """
    count = int(np.count_nonzero(is_wrong))
    if not count:
        return None
    return int(np.argmax(is_wrong)), counted(count, "such row")


def check_numbers(
    message_start: str, x: Floats, is_wrong: Mask, rule: str, fix: str
) -> None:
    """Raises a `CellError` that names the first wrong number, if there is one.

    `rule` says what each of the numbers `x`, (rows,), must be: "a finite number".
    """
    if wrong := first_wrong(is_wrong):
        row, count_text = wrong
        cell = "is empty or nan" if np.isnan(x[row]) else f"holds {x[row]:.15g}"
        raise CellError(message_start, row, f"{cell}, not {rule}", fix, count_text)


def refuse_above_float32(
    name: str, x: Floats, fix: str = "set the feature's kind to bucketized"
) -> None:
    """Raises a `CellError` if a number of a feature is too large for float32.

    `fix` is the change of the feature's keys that allows such numbers.
    """
    is_wrong = np.abs(x) > FLOAT32_MAX
    fix = f"correct the cell, or {fix}"
    check_numbers(f"feature {name}", x, is_wrong, "a number that fits float32", fix)


def number_range(x: Floats, edges: Sequence[float] = ()) -> dict[str, float]:
    """Returns {"low": the smallest of `x` and `edges`, "high": the largest}.

    Edges that the user has chosen may lie outside of `x`. `x` holds no NaN.
    """
    ends = [float(x.min()), float(x.max()), *edges]
    return {"low": min(ends), "high": max(ends)}


def is_outside_range(x: Floats, learnt: Mapping[str, Any]) -> Mask:
    """Returns a mask of the numbers below "low" or above "high", see `number_range`."""
    return np.asarray((x < learnt["low"]) | (x > learnt["high"]))


def learn_fill_value(x: Floats, missing: str | float) -> dict[str, float]:
    """Learns `learnt["missing"]`, the number that replaces an empty cell.

    `x` are the numbers of the training rows, (rows,), without NaN; `missing` is the key
    of the feature.
    """
    if missing == "error":
        return {}
    if missing == "mean":
        return {"missing": float(x.mean())}
    if missing == "median":
        return {"missing": float(np.median(x))}
    return {"missing": float(missing)}


def check_fill_value(learnt: Mapping[str, Any], missing: str | float) -> None:
    if missing != "error":
        check_number(learnt, "missing")


def fill_empty(x: Floats, learnt: Mapping[str, float]) -> Floats:
    """Replaces NaN by `learnt["missing"]`; without this value, nothing changes."""
    if "missing" not in learnt:
        return x
    return np.where(np.isnan(x), learnt["missing"], x)


def filled_text(text: str, learnt: Mapping[str, float]) -> str:
    """Adds the effect of `fill_empty` to a text about x, the number in a cell."""
    return f"{text}; x = missing if the cell is empty" if "missing" in learnt else text
