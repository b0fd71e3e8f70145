"""Reads and checks numeric columns, fills empty cells, and cuts numbers into buckets.

Buckets are neighbouring intervals of numbers. The `cuts` of a feature describe its
buckets: the cuts are the lower edges of all buckets but the first. The ramp of a value
in a bucket is the fraction of the bucket that lies below the value, from 0 to 1.
"""

from collections.abc import Mapping, Sequence
from operator import methodcaller
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mtl_cli.columns.arrow_types import is_number, is_text
from mtl_cli.columns.cells import Mask, first_unconvertible_cell
from mtl_cli.core.errors import DataError, RowError, shown
from mtl_cli.core.tensors import Tensor
from mtl_cli.graphs.base import GraphOps

Floats = npt.NDArray[np.float64]


def read_numbers(
    name: str, column: pa.ChunkedArray, missing: str | float = "error"
) -> Floats:
    """Reads the column of a numeric feature as floats, NaN for empty cells, (rows,).

    Args:
        name: the feature, for error messages.
        column: the column to read.
        missing: the feature's setting; `error` refuses empty cells.

    Raises:
        DataError: if a cell holds text or infinity, or is empty while `missing` is
            `error`.
    """
    message_start = f"feature {name}"
    try:
        x = as_numbers(message_start, column)
    except RowError as error:
        raise RowError(
            message_start,
            error.row,
            f"{error.problem}, or, as the column holds {column.type}, set the "
            "feature's kind to sparse",
        ) from None
    is_wrong = ~np.isfinite(x) if missing == "error" else np.isinf(x)
    if is_wrong.any():
        row = int(np.argmax(is_wrong))
        cell = "is empty" if column[row].as_py() is None else f"holds {x[row]}"
        fix = ", or say in `missing:` how to read empty cells"
        if np.isinf(x[row]):
            fix = ""  # `missing:` does not change infinity
        raise RowError(
            message_start,
            row,
            f"{cell}, not a number ({int(is_wrong.sum())} such rows); fill or "
            f"remove them{fix}",
        )
    return x


def as_numbers(message_start: str, column: pa.ChunkedArray | pa.Array) -> Floats:
    """Converts a column to floats, NaN for empty cells, (rows,).

    Args:
        message_start: the feature or setting that reads the column, for error messages.
        column: numbers, booleans, or text such as "1.5".

    Raises:
        DataError: if the column holds something else.
    """
    if is_text(column.type):
        column = numbers_in_text(message_start, column)
    elif not (is_number(column.type) or pa.types.is_null(column.type)):
        raise DataError(
            f"{message_start}: needs numbers, but the column holds {column.type}; "
            "convert it to numbers"
        )
    x = pc.fill_null(pc.cast(column, pa.float64(), safe=False), float("nan"))
    return np.asarray(x, "float64")


def numbers_in_text(
    message_start: str, column: pa.ChunkedArray | pa.Array
) -> pa.ChunkedArray | pa.Array:
    """Converts a text column to float64.

    Raises:
        RowError: if a text is not a number.
    """
    to_float64 = methodcaller("cast", pa.float64())
    try:
        return to_float64(column)
    except pa.ArrowInvalid:
        row = first_unconvertible_cell(column, to_float64)
        if row is None:
            raise
        problem = f"holds {shown(column[row].as_py())}, not a number; correct it"
        raise RowError(message_start, row, problem) from None


def check_numbers(
    message_start: str, x: Floats, is_wrong: Mask, rule: str, fix: str
) -> None:
    """Raises an error that names the first wrong number, if there is one.

    Args:
        message_start: the start of the error message.
        x: numbers, (rows,).
        is_wrong: whether each number breaks the rule, (rows,).
        rule: what a number must be, for the error message.
        fix: what the user can do, for the error message.

    Raises:
        RowError: if a number is wrong.
    """
    if is_wrong.any():
        row, count = int(np.argmax(is_wrong)), int(is_wrong.sum())
        problem = f"holds {x[row]:g}, not {rule} ({count} such rows); {fix}"
        raise RowError(message_start, row, problem)


def refuse_above_float32(name: str, x: Floats) -> Floats:
    """Returns the numbers of a feature unchanged, after a check that they fit float32.

    Args:
        name: the feature, for error messages.
        x: the numbers, (rows,).

    Raises:
        DataError: if a number is too large for float32.
    """
    wrong_rows = np.flatnonzero(np.abs(x) > np.finfo("float32").max)
    if len(wrong_rows):
        row = int(wrong_rows[0])
        raise RowError(
            f"feature {name}",
            row,
            f"is too large for the network ({x[row]:g}, {len(wrong_rows)} such rows); "
            "correct it, or set the feature's kind to bucketized",
        )
    return x


def fill_value(x: Floats, missing: str | float) -> dict[str, float]:
    """Returns {"missing": the number that replaces an empty cell}; {} for `error`.

    Args:
        x: the numbers of the training rows, without NaN.
        missing: `error`, `mean`, `median`, or a number.
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


def choose_cuts(x: Floats, num_buckets: int) -> list[float]:
    """Chooses the cuts of the buckets of a feature, in ascending order.

    If there are at most `num_buckets` distinct values, each gets a bucket of its own.
    Otherwise a value is heavy if at least 1 / num_buckets of the rows hold it. Heavy
    values get a bucket of their own, the heaviest first, as long as `num_buckets`
    allows. The other values are cut at their quantiles.

    Args:
        x: the numbers of the training rows, without NaN.
        num_buckets: the largest number of buckets.

    Returns: the lower edges of all buckets but the first.
    """
    values, counts = np.unique(x, return_counts=True)
    if len(values) <= num_buckets:
        return [float(v) for v in values[1:]]
    heavy = np.flatnonzero(counts >= len(x) / num_buckets)
    edges: set[float] = set()
    for i in heavy[np.argsort(-counts[heavy], kind="stable")]:
        # The bucket of values[i] begins at values[i] and ends at the next value. The
        # smallest value needs no edge at its beginning.
        extended_edges = edges | {float(v) for v in values[max(i, 1) : i + 2]}
        if len(extended_edges) < num_buckets:
            edges = extended_edges
    light = np.delete(np.arange(len(values)), heavy)
    if len(light):
        light_rows = np.repeat(values[light], counts[light])
        # The quantiles make as many buckets as the heavy values have left.
        levels = np.linspace(0, 1, num_buckets - len(edges) + 1)[1:-1]
        edges |= {float(v) for v in np.quantile(light_rows, levels, method="higher")}
    return sorted(edges - {float(values[0])})


def ramp_edges(x: Floats, cuts: Sequence[float]) -> dict[str, float]:
    """Returns {"low": lower edge of the first bucket, "high": upper edge of the last}.

    Args:
        x: the numbers of the training rows, without NaN.
        cuts: the lower edges of all buckets but the first.
    """
    edges = [float(x.min()), float(x.max()), *cuts]
    return {"low": min(edges), "high": max(edges)}


def starts_and_widths(learnt: Mapping[str, Any]) -> tuple[Floats, Floats]:
    """Returns the lower edge and the width of each bucket, (buckets,)."""
    edges = np.array([learnt["low"], *learnt["cuts"], learnt["high"]])
    widths = np.diff(edges)
    widths[widths == 0] = 1  # ramps divide by the width
    return edges[:-1], widths


def ramps(x: Floats, learnt: Mapping[str, Any]) -> Floats:
    """Returns the ramps of values: the fraction of each bucket that lies below a value.

    The ramp is 1 for a bucket below the value and 0 for a bucket above the value.

    Args:
        x: the values, (rows,). NaN is below all buckets, so its ramps are 0.
        learnt: the edges of the buckets: "low", "cuts" and "high".

    Returns: (rows, buckets).

    Reference: Gorishniy et al., "On Embeddings for Numerical Features in Tabular
        Deep Learning", NeurIPS 2022, section 3.2.
        Differs from the paper in: a value outside the range of the training rows is
        treated as the nearest value of this range.
    """
    starts, widths = starts_and_widths(learnt)
    with np.errstate(over="ignore"):  # clip turns infinity into 1
        fractions = np.clip((x[:, None] - starts) / widths, 0, 1)
    return np.nan_to_num(fractions)


def ramps_graph(x: Tensor, learnt: Mapping[str, Any], ops: GraphOps) -> Tensor:
    """Builds `ramps` as a graph for exported models.

    Args:
        x: the values, (rows,); NaN is below all buckets.
        learnt: the edges of the buckets: "low", "cuts" and "high".
        ops: the graph's operations.
    """
    starts, widths = starts_and_widths(learnt)
    without_nan = ops.fill_nan(x, learnt["low"])  # all ramps of "low" are 0
    return ops.ramps(without_nan, starts.tolist(), widths.tolist())
