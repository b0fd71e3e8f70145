"""Learns from training rows what features need: vocabularies, buckets and scales."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mtl_cli.columns.lists import Separator
from mtl_cli.columns.numeric import cuts, signed_log1p
from mtl_cli.columns.vocabulary import Counter, Values
from mtl_cli.features.encoder import (
    FeatureEncoder,
    id_values,
    numeric_values,
    sequence_tokens,
)
from mtl_cli.features.schema import (
    Bucketized,
    Dense,
    Feature,
    PiecewiseLinear,
    Sequence,
    owner_of,
)

# Scales and buckets are learnt from about so many training rows at most, chosen at
# random, so that a table may be larger than memory.
ROWS_TO_FIT = 2_000_000


class Fitter:
    """Learns from training rows, chunk by chunk, what features need.

    Args:
        features: what each feature is.
        rows: how many training rows there will be.
    """

    def __init__(self, features: dict[str, Feature], rows: int) -> None:
        self.features = features
        self.share = min(1.0, ROWS_TO_FIT / max(rows, 1))
        self.random = np.random.default_rng(0)
        self.counters: dict[str, Counter] = {}
        self.separators = {
            name: Separator(name, feature.separator)
            for name, feature in features.items()
            if isinstance(feature, Sequence) and feature.separator is not None
        }
        self.samples: dict[str, list[npt.NDArray[np.float64]]] = {}

    def add(self, table: pa.Table, mine: npt.NDArray[np.bool_]) -> None:
        """Learns from some rows, and checks them.

        Args:
            table: the rows.
            mine: which are training rows, (rows,); the others are only checked.
        """
        sampled = mine
        if self.share < 1:
            sampled = mine & (self.random.random(table.num_rows) < self.share)
        for name, feature in self.features.items():
            if isinstance(feature, Bucketized | Dense | PiecewiseLinear):
                x = numeric_values(name, feature, table)[sampled]
                self.samples.setdefault(name, []).append(x)
                continue
            if isinstance(feature, Sequence):
                tokens = sequence_tokens(name, feature, table)
                if name in self.separators:
                    self.separators[name].add(table[name])
                values, counted = tokens.values, mine[tokens.rows]
            else:
                values, counted = id_values(name, feature, table), mine
            self.count(name, feature, Values(values.distinct, values.codes[counted]))

    def count(self, name: str, feature: Feature, values: Values) -> None:
        """Counts the values of a feature whose table has a vocabulary."""
        owner = owner_of(name, feature)
        if getattr(self.features[owner], "num_buckets", None) is None:
            self.counters.setdefault(owner, Counter()).add(values)

    def encoder(self) -> FeatureEncoder:
        """Returns the fitted encoder."""
        for separator in self.separators.values():
            separator.check()
        statistics: dict[str, dict[str, Any]] = {}
        for name, feature in self.features.items():
            statistics[name] = {}
            if name in self.counters:
                min_count = getattr(feature, "min_count", 1)
                statistics[name]["vocabulary"] = self.counters[name].vocabulary(
                    min_count
                )
            elif isinstance(feature, Bucketized | Dense | PiecewiseLinear):
                x = np.concatenate(self.samples[name])
                statistics[name] = fit(feature, x)
        return FeatureEncoder(self.features, statistics)


def fit(feature: Bucketized | Dense | PiecewiseLinear, x: Any) -> dict[str, Any]:
    """Learns from training rows what a numeric feature needs, as JSON values."""
    found: dict[str, Any] = {}
    x = x[~np.isnan(x)] if not np.isnan(x).all() else np.zeros(1)
    if isinstance(feature, Bucketized):
        edges = feature.edges
        return {"cuts": edges or cuts(x, feature.num_buckets or 2)}
    if feature.missing != "error":
        known = {"mean": float(x.mean()), "median": float(np.median(x))}
        found["missing"] = known.get(str(feature.missing), feature.missing)
    low, high = float(x.min()), float(x.max())
    if isinstance(feature, PiecewiseLinear):
        cut = cuts(x, feature.num_buckets)
        return found | {"low": low, "cuts": cut, "high": high}
    if feature.transform == "minmax":
        return found | {"low": low, "high": high}
    if feature.transform == "quantile":
        return found | {"quantiles": np.quantile(x, np.linspace(0, 1, 1001)).tolist()}
    if feature.transform == "log1p":
        x = signed_log1p(x)
    if low == high:  # whose mean and deviation would be off by rounding
        return found | {"mean": float(x[0]), "deviation": 0.0}
    return found | {"mean": float(x.mean()), "deviation": float(x.std())}
