"""Numeric columns: checked, filled, cut into buckets."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mtl_cli.core.errors import DataError, RowError, shown

Floats = npt.NDArray[np.float64]


def as_numbers(where: str, column: pa.ChunkedArray | pa.Array) -> Floats:
    """Returns a numeric column as floats, NaN where it is empty.

    Args:
        where: the start of messages; says what the column is for.
        column: holds numbers, booleans, or text that spells numbers.

    Raises:
        DataError: if the column holds something else.
    """
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        column = numbers_in_text(where, column)
    elif not (is_number(kind) or pa.types.is_null(kind)):
        raise DataError(
            f"{where}: needs numbers, the column holds {kind}; convert it to numbers"
        )
    x = pc.fill_null(pc.cast(column, pa.float64(), safe=False), float("nan"))
    return np.asarray(x, "float64")


def is_number(kind: pa.DataType) -> bool:
    """Whether an Arrow type holds numbers or booleans."""
    return bool(
        pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_boolean(kind)
        or pa.types.is_decimal(kind)
    )


def numbers_in_text(where: str, column: pa.ChunkedArray | pa.Array) -> Any:
    """Returns the numbers that a text column spells."""
    try:
        return column.cast(pa.float64())
    except pa.ArrowInvalid:
        for row, value in enumerate(column.to_pylist()):
            try:
                pa.scalar(value, pa.string()).cast(pa.float64())
            except pa.ArrowInvalid:
                what = f"holds {shown(value)}, not a number; correct it"
                raise RowError(where, row, what) from None
        raise


def numbers(name: str, column: pa.ChunkedArray, missing: Any = "error") -> Floats:
    """Returns a numeric feature as floats, NaN where it is empty.

    Raises:
        DataError: if a cell holds text or infinity, or is empty while `missing` is
            `error`.
    """
    where = f"feature {name}"
    try:
        x = as_numbers(where, column)
    except RowError as error:
        what = f"{error.problem}, or, as the column holds {column.type}, make it "
        raise RowError(where, error.row, f"{what}kind: sparse") from None
    wrong = ~np.isfinite(x) if missing == "error" else np.isinf(x)
    if wrong.any():
        row = int(np.argmax(wrong))
        cell = "is empty" if column[row].as_py() is None else f"holds {x[row]}"
        fix = "" if np.isinf(x[row]) else ", or say with `missing:` what it counts as"
        raise RowError(
            where,
            row,
            f"{cell}, not a number ({int(wrong.sum())} such rows); fill or "
            f"remove them{fix}",
        )
    return x


def fill_value(x: Floats, missing: Any) -> dict[str, float]:
    """Returns {"missing": the number that an empty cell counts as}; {} for `error`.

    Args:
        x: the numbers of the training rows, without NaN.
        missing: `error`, `mean`, `median`, or a number.
    """
    if missing == "error":
        return {}
    averages = {"mean": float(x.mean()), "median": float(np.median(x))}
    return {"missing": averages.get(missing, missing)}


def filled(x: Floats, learnt: dict[str, Any]) -> Floats:
    """Returns numbers with the learnt `missing`, if there is one, in place of NaN."""
    return np.where(np.isnan(x), learnt["missing"], x) if "missing" in learnt else x


def cuts(x: Floats, num_buckets: int) -> list[float]:
    """Returns the lower ends of all buckets but the first.

    A value that fills a bucket's share of the rows by itself gets a bucket of its own;
    all other values are cut at their quantiles.
    """
    values, counts = np.unique(x, return_counts=True)
    if len(values) <= num_buckets:
        return [float(v) for v in values[1:]]
    heavy = np.flatnonzero(counts >= len(x) / num_buckets)
    lowest = float(values[0])
    edges: set[float] = set()
    for i in heavy[np.argsort(-counts[heavy], kind="stable")]:
        more_edges = edges | {float(v) for v in values[max(i, 1) : i + 2]}
        more_edges.discard(lowest)
        edges = more_edges if len(more_edges) < num_buckets else edges
    light = np.delete(np.arange(len(values)), heavy)
    if len(light):
        rows = np.repeat(values[light], counts[light])
        levels = np.linspace(0, 1, num_buckets - len(edges) + 1)[1:-1]
        edges |= {float(v) for v in np.quantile(rows, levels, method="higher")}
    return sorted(edges - {lowest})


def refuse_above_float32(name: str, x: Floats) -> Floats:
    """Returns the numbers unchanged; refuses numbers that float32 cannot hold."""
    wrong = np.flatnonzero(np.abs(x) > np.finfo("float32").max)
    if len(wrong):
        raise RowError(
            f"feature {name}",
            int(wrong[0]),
            f"is too large for the network ({x[wrong[0]]:g}, {len(wrong)} such rows); "
            "correct it, or take kind: bucketized",
        )
    return x
