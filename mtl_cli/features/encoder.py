"""Features: columns of a table, turned into ids and numbers by what was learnt."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mtl_cli.columns.layout import EmbeddingTable, FeatureSpec, SequenceSpec
from mtl_cli.columns.lists import Tokens, padded, tokens_of
from mtl_cli.columns.numeric import (
    filled,
    numbers,
    reach,
    representable,
    scale,
)
from mtl_cli.columns.vocabulary import (
    Values,
    crossed,
    hashed,
    lookup,
    values_of,
)
from mtl_cli.features.schema import (
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
