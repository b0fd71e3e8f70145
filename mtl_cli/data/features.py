"""Features: fitted on training rows, then turned into ids and numbers."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mtl_cli.data.feature_schema import (
    Bucketized,
    Cross,
    Dense,
    Feature,
    Hashed,
    PiecewiseLinear,
    Sequence,
    Sparse,
    owner_of,
)
from mtl_cli.data.numeric import (
    cuts,
    filled,
    numbers,
    reach,
    representable,
    scale,
    signed_log1p,
)
from mtl_cli.data.sequences import Separator, Tokens, padded, tokens_of
from mtl_cli.data.spec import EmbeddingTable, FeatureSpec, SequenceSpec
from mtl_cli.data.vocabulary import (
    Counter,
    Values,
    crossed,
    hashed,
    lookup,
    values_of,
)

# Scales and buckets are learnt from about so many training rows at most, chosen at
# random, so that a table may be larger than memory.
ROWS_TO_FIT = 2_000_000


class FeatureEncoder:
    """Turns the columns of a table into arrays.

    Args:
        features: what each feature is.
        statistics: what was learnt from training rows: JSON values, by feature.
    """

    def __init__(
        self, features: dict[str, Feature], statistics: dict[str, dict[str, Any]]
    ) -> None:
        self.features = features
        self.statistics = statistics
        self.known = {
            name: pa.array(found["vocabulary"], pa.string())
            for name, found in statistics.items()
            if "vocabulary" in found
        }

    @classmethod
    def fit(cls, features: dict[str, Feature], table: pa.Table) -> "FeatureEncoder":
        """Learns vocabularies, cuts and scales from training rows only."""
        fitter = Fitter(features, table.num_rows)
        fitter.add(table, np.ones(table.num_rows, bool))
        return fitter.encoder()

    @property
    def spec(self) -> FeatureSpec:
        """The sizes that the network needs."""
        tables, ids, sequences, num_dense = {}, [], [], 0
        for name, feature in self.features.items():
            owner = owner_of(name, feature)
            if isinstance(feature, PiecewiseLinear):
                num_dense += len(self.statistics[name]["cuts"]) + 1
            elif isinstance(feature, Dense):
                num_dense += 1
            elif isinstance(feature, Sequence):
                sequences.append(
                    SequenceSpec(owner, feature.max_length, feature.pooling)
                )
            else:
                ids.append(owner)
            if owner == name and not isinstance(feature, Dense | PiecewiseLinear):
                pretrained = getattr(feature, "pretrained", None)
                tables[name] = EmbeddingTable(
                    self.table_size(name),
                    feature.embedding_dim,
                    pretrained is not None and pretrained.frozen,
                )
        return FeatureSpec(tables, ids, sequences, num_dense)

    def table_size(self, name: str) -> int:
        """Returns how many ids a feature's own table has."""
        feature, statistics = self.features[name], self.statistics[name]
        if isinstance(feature, Bucketized):
            return len(statistics["cuts"]) + 2
        num_buckets = getattr(feature, "num_buckets", None)
        return 1 + int(num_buckets or len(statistics["vocabulary"]))

    def transform(self, table: pa.Table) -> dict[str, npt.NDArray[Any]]:
        """Encodes rows.

        Returns: `ids` int32 (rows, F), `dense` float32 (rows, K), and of sequences one
            beside the other `sequences` int32 and `sequence_weights` float32 (rows, L);
            each left out where no feature gives any.
        """
        parts: dict[str, list[Any]] = {}
        for name, feature in self.features.items():
            for kind, part in self.encode(name, feature, table).items():
                parts.setdefault(kind, []).append(part)
        types = {"ids": "int32", "dense": "float32"}
        return {
            kind: np.concatenate(parts[kind], axis=1, dtype=types.get(kind))
            for kind in ("ids", "dense", "sequences", "sequence_weights")
            if kind in parts
        }

    def encode(
        self, name: str, feature: Feature, table: pa.Table
    ) -> dict[str, npt.NDArray[Any]]:
        """Encodes one feature: arrays (rows, width) by input of the network."""
        statistics = self.statistics[name]
        if isinstance(feature, Sequence):
            tokens = sequence_tokens(name, feature, table)
            ids = self.index(name, feature, tokens.values)
            found, weights = padded(feature, tokens, ids, table.num_rows)
            return {"sequences": found, "sequence_weights": weights}
        if isinstance(feature, Sparse | Hashed | Cross):
            values = id_values(name, feature, table)
            return {"ids": self.index(name, feature, values)[:, None]}
        x = numeric_values(name, feature, table)
        if isinstance(feature, Bucketized):
            bucket = np.searchsorted(statistics["cuts"], x, side="right") + 1
            return {"ids": np.where(np.isnan(x), 0, bucket)[:, None]}
        x = filled(x, statistics) if feature.missing != "error" else x
        if isinstance(feature, PiecewiseLinear):
            return {"dense": reach(x, statistics)}
        scaled = scale(x, feature.transform, statistics)
        return {"dense": representable(name, scaled)[:, None]}

    def index(self, name: str, feature: Feature, values: Values) -> Any:
        """Returns each row's id in the feature's embedding table."""
        owner = owner_of(name, feature)
        num_buckets = getattr(self.features[owner], "num_buckets", None)
        if num_buckets is not None:
            return hashed(values, num_buckets)
        return lookup(values, self.known[owner])


def id_values(name: str, feature: Sparse | Hashed | Cross, table: pa.Table) -> Values:
    """Returns the values of a feature that has one id a row."""
    if isinstance(feature, Cross):
        return crossed(name, [table[column] for column in feature.columns])
    return values_of(name, table[name])


def numeric_values(
    name: str, feature: Bucketized | Dense | PiecewiseLinear, table: pa.Table
) -> npt.NDArray[np.float64]:
    """Returns the numbers of a feature, NaN where a cell may be empty and is."""
    x = numbers(name, table[name], feature.missing)
    return x if isinstance(feature, Bucketized) else representable(name, x)


def sequence_tokens(name: str, feature: Sequence, table: pa.Table) -> Tokens:
    """Returns the values of a sequence feature."""
    weights = None if feature.weights is None else table[feature.weights]
    return tokens_of(name, feature, table[name], weights)


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
