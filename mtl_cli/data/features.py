"""Features: fitted on training rows, then turned into ids and numbers."""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mtl_cli.data.numeric import (
    cuts,
    numbers,
    reach,
    representable,
    scale,
    signed_log1p,
)
from mtl_cli.data.schema import Bucketized, Feature, PiecewiseLinear, Sparse
from mtl_cli.errors import DataError

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
                scaled = scale(numbers(name, column), feature.transform, statistics)
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
