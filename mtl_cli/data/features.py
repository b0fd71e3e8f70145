"""Features: fitted on training rows, then turned into ids and numbers."""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mtl_cli.data.schema import Bucketized, Dense, Feature, PiecewiseLinear, Sparse
from mtl_cli.errors import DataError

Floats = npt.NDArray[np.float64]

WHOLE_NUMBER = re.compile(r"0|-?[1-9][0-9]*")


@dataclass(frozen=True)
class FeatureSpec:
    """Sizes of the encoded features, from which a network is built.

    Attributes:
        vocabulary_sizes: of each feature that becomes an id, in order; index 0 is for
            values that the training rows do not have.
        num_dense: how many numbers the other features become.
    """

    vocabulary_sizes: dict[str, int]
    num_dense: int


class FeatureEncoder:
    """Turns the columns of a table into `ids` (rows, F) and `dense` (rows, K).

    Args:
        features: what each column is.
        statistics: what `fit` learnt: JSON values, by feature.
    """

    def __init__(
        self, features: dict[str, Feature], statistics: dict[str, dict[str, Any]]
    ) -> None:
        self.features = features
        self.statistics = statistics

    @classmethod
    def fit(cls, features: dict[str, Feature], table: pa.Table) -> "FeatureEncoder":
        """Learns vocabularies, cuts and scales from training rows only."""
        return cls(
            features,
            {name: fit(f, name, table[name]) for name, f in features.items()},
        )

    @property
    def spec(self) -> FeatureSpec:
        """The sizes that the network needs."""
        sizes, num_dense = {}, 0
        for name, feature in self.features.items():
            statistics = self.statistics[name]
            if isinstance(feature, Sparse):
                sizes[name] = len(statistics["vocabulary"]) + 1
            elif isinstance(feature, Bucketized):
                sizes[name] = len(statistics["cuts"]) + 2
            elif isinstance(feature, PiecewiseLinear):
                num_dense += len(statistics["cuts"]) + 1
            else:
                num_dense += 1
        return FeatureSpec(sizes, num_dense)

    def transform(self, table: pa.Table) -> dict[str, npt.NDArray[Any]]:
        """Encodes rows.

        Returns: `ids` int32 (rows, F) and `dense` float32 (rows, K), either left out
            where no feature gives any.
        """
        ids, dense = [], []
        for name, feature in self.features.items():
            column, statistics = table[name], self.statistics[name]
            if isinstance(feature, Sparse):
                ids.append(lookup(name, column, statistics["vocabulary"]))
            elif isinstance(feature, Bucketized):
                cuts = np.array(statistics["cuts"], "float64")
                found = np.searchsorted(cuts, numbers(name, column), side="right")
                ids.append(found + 1)
            elif isinstance(feature, PiecewiseLinear):
                dense.append(reach(numbers(name, column), statistics))
            else:
                scaled = scale(numbers(name, column), feature, statistics)
                dense.append(representable(name, scaled)[:, None])
        encoded = {}
        if ids:
            encoded["ids"] = np.stack(ids, axis=1).astype("int32")
        if dense:
            encoded["dense"] = np.concatenate(dense, axis=1).astype("float32")
        return encoded


def check_columns(features: dict[str, Feature], table: pa.Table) -> None:
    """Refuses columns that do not hold what their features need.

    Raises:
        DataError: naming the feature, the row and the value.
    """
    for name, feature in features.items():
        check = sparse if isinstance(feature, Sparse) else numbers
        check(name, table[name])


def fit(feature: Feature, name: str, column: pa.ChunkedArray) -> dict[str, Any]:
    """Learns from training rows what a feature needs, as JSON values."""
    if isinstance(feature, Sparse):
        return {"vocabulary": vocabulary(name, column, feature.min_count)}
    x = numbers(name, column)
    low, high = float(x.min()), float(x.max())
    if isinstance(feature, Bucketized):
        return {"cuts": cuts(x, feature.num_buckets)}
    if isinstance(feature, PiecewiseLinear):
        return {"low": low, "cuts": cuts(x, feature.num_buckets), "high": high}
    if feature.transform == "minmax":
        return {"low": low, "high": high}
    if feature.transform == "quantile":
        return {"quantiles": np.quantile(x, np.linspace(0, 1, 1001)).tolist()}
    if feature.transform == "log1p":
        x = signed_log1p(x)
    representable(name, x - x[0])
    if low == high:  # whose mean and deviation would be off by rounding
        return {"mean": float(x[0]), "deviation": 0.0}
    return {"mean": float(x.mean()), "deviation": float(x.std())}


def vocabulary(name: str, column: pa.ChunkedArray, min_count: int) -> list[str]:
    """Returns the values of a sparse column as text; the i-th gets index i + 1.

    Whole numbers are sorted as numbers, whether the file held them as text or not.
    """
    counts = pc.value_counts(sparse(name, column)).to_pylist()
    found = [v["values"] for v in counts if v["counts"] >= min_count]
    values = [value for value in found if value is not None]
    whole = all(WHOLE_NUMBER.fullmatch(value) for value in values)
    return sorted(values, key=int) if whole else sorted(values)


def lookup(name: str, column: pa.ChunkedArray, values: list[str]) -> npt.NDArray[Any]:
    """Returns 1 + the position of each row's value in a vocabulary, 0 if not there."""
    known = pa.array(values, pa.string())
    found = pc.index_in(sparse(name, column), value_set=known)
    return np.asarray(pc.fill_null(found, -1).to_numpy(), "int64") + 1


def sparse(name: str, column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Returns a column of whole numbers, booleans or text as text.

    As text, equal values are equal whatever type a file gives them, and large ids
    stay exact.
    """
    kind = column.type
    if (
        pa.types.is_integer(kind)
        or pa.types.is_boolean(kind)
        or pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_string_view(kind)
        or pa.types.is_null(kind)
    ):
        return column.cast(pa.string())
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        advice = "make it kind: bucketized or kind: dense"
    else:
        advice = "convert the column to text"
    raise DataError(
        f"feature {name}: kind sparse needs whole numbers or text, the column holds "
        f"{kind}; {advice}"
    )


def numbers(name: str, column: pa.ChunkedArray) -> Floats:
    """Returns a numeric column as floats, refusing text and missing values."""
    if not (
        pa.types.is_integer(column.type)
        or pa.types.is_floating(column.type)
        or pa.types.is_boolean(column.type)
        or pa.types.is_decimal(column.type)
    ):
        text = pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
        advice = "make it kind: sparse" if text else "convert it to numbers"
        raise DataError(
            f"feature {name}: needs numbers, the column holds {column.type}; {advice}"
        )
    x = pc.cast(column, pa.float64(), safe=False).to_numpy()
    bad = np.flatnonzero(~np.isfinite(x))
    if len(bad):
        raise DataError(
            f"feature {name}: row {bad[0] + 1} holds {x[bad[0]]}, not a number "
            f"({len(bad)} such rows); fill or remove them"
        )
    return np.asarray(x, "float64")


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
    return np.asarray(np.clip((x[:, None] - low) / width, 0, 1))


def scale(x: Floats, feature: Dense, statistics: dict[str, Any]) -> Floats:
    """Applies a dense feature's transform."""
    if feature.transform == "none":
        return x
    if feature.transform == "minmax":
        low, high = statistics["low"], statistics["high"]
        return np.asarray((x - low) / ((high - low) or 1.0))
    if feature.transform == "quantile":
        quantiles = np.array(statistics["quantiles"])
        levels = np.linspace(0, 1, len(quantiles))
        return np.asarray(np.interp(x, quantiles, levels))
    if feature.transform == "log1p":
        x = signed_log1p(x)
    return np.asarray((x - statistics["mean"]) / (statistics["deviation"] or 1.0))


def representable(name: str, x: Floats) -> Floats:
    """Returns numbers as they are, refusing those that float32 cannot hold."""
    wrong = np.flatnonzero(np.abs(x) > np.finfo("float32").max)
    if len(wrong):
        raise DataError(
            f"feature {name}: row {wrong[0] + 1} is too large for the network "
            f"({x[wrong[0]]:g}, {len(wrong)} such rows); take transform: quantile or "
            "kind: bucketized"
        )
    return x


def signed_log1p(x: Floats) -> Floats:
    """Compresses heavy tails on both sides of 0."""
    return np.asarray(np.sign(x) * np.log1p(np.abs(x)))
