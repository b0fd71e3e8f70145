"""Numeric columns: checked, cut into buckets, scaled."""

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
        where: what the column is for, for messages.
        column: of numbers, booleans, or text that numbers were written in.

    Raises:
        DataError: if it holds something else.
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
    """Whether an Arrow type is one of numbers, or of booleans."""
    return bool(
        pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_boolean(kind)
        or pa.types.is_decimal(kind)
    )


def numbers_in_text(where: str, column: pa.ChunkedArray | pa.Array) -> Any:
    """Returns the numbers that text holds."""
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
        DataError: if it holds text or infinity, or is empty where `missing` says
            that this is an error.
    """
    where = f"feature {name}"
    try:
        x = as_numbers(where, column)
    except RowError as error:
        what = f"{error.what}, or, as the column holds {column.type}, make it "
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


def filled(x: Floats, statistics: dict[str, Any]) -> Floats:
    """Returns numbers with what the training rows say in place of NaN."""
    return np.where(np.isnan(x), statistics["missing"], x)


def cuts(x: Floats, num_buckets: int) -> list[float]:
    """Returns the lower ends of all buckets but the first.

    Values that fill a bucket's share of the rows by themselves get one of their own;
    the others are cut at their quantiles.
    """
    values, counts = np.unique(x, return_counts=True)
    if len(values) <= num_buckets:
        return [float(v) for v in values[1:]]
    heavy = np.flatnonzero(counts >= len(x) / num_buckets)
    found: set[float] = set()
    for i in heavy[np.argsort(-counts[heavy], kind="stable")]:
        own = found | {float(v) for v in values[max(i, 1) : i + 2]}
        own.discard(float(values[0]))
        found = own if len(own) < num_buckets else found
    light = np.delete(np.arange(len(values)), heavy)
    if len(light):
        rows = np.repeat(values[light], counts[light])
        levels = np.linspace(0, 1, num_buckets - len(found) + 1)[1:-1]
        found |= {float(v) for v in np.quantile(rows, levels, method="higher")}
    return sorted(found - {float(values[0])})


def reach(x: Floats, statistics: dict[str, Any]) -> Floats:
    """Returns how far each value reaches into each bucket, 0 to 1: (rows, buckets)."""
    ends = np.array([statistics["low"], *statistics["cuts"], statistics["high"]])
    low, width = ends[:-1], np.diff(ends)
    width[width == 0] = 1
    with np.errstate(over="ignore"):  # infinity is cut to 1
        return np.asarray(np.clip((x[:, None] - low) / width, 0, 1))


def scale(x: Floats, transform: str, statistics: dict[str, Any]) -> Floats:
    """Applies a dense feature's transform; infinity where that is too large."""
    if transform == "none":
        return x
    if transform == "quantile":
        quantiles = np.array(statistics["quantiles"])
        levels = np.linspace(0, 1, len(quantiles))
        return np.asarray(np.interp(x, quantiles, levels))
    if transform == "minmax":
        zero, one = statistics["low"], statistics["high"] - statistics["low"]
    else:
        zero, one = statistics["mean"], statistics["deviation"]
    if transform == "log1p":
        x = signed_log1p(x)
    with np.errstate(over="ignore"):
        return np.asarray((x - zero) / (one or 1.0))


def representable(name: str, x: Floats) -> Floats:
    """Returns numbers as they are, refusing those that float32 cannot hold."""
    wrong = np.flatnonzero(np.abs(x) > np.finfo("float32").max)
    if len(wrong):
        raise RowError(
            f"feature {name}",
            int(wrong[0]),
            f"is too large for the network ({x[wrong[0]]:g}, {len(wrong)} such rows); "
            "correct it, or take kind: bucketized",
        )
    return x


def signed_log1p(x: Floats) -> Floats:
    """Compresses heavy tails on both sides of 0."""
    return np.asarray(np.sign(x) * np.log1p(np.abs(x)))
