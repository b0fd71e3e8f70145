"""Learns what features need from the training rows."""

import numpy as np
import pyarrow as pa

from mtl_cli.data.continued_features import EarlierLearnt, extend_learnt
from mtl_cli.data.feature_set import FeatureSet
from mtl_cli.data.table import Array
from mtl_cli.features.base import Feature

# To learn a scale or buckets, all numbers of a column must be in memory. If there are
# more than `ROWS_TO_FIT` training rows, a random sample of about this size is used.
ROWS_TO_FIT = 2_000_000


class FeatureSetFitter:
    """Fits features to the training rows, chunk by chunk."""

    def __init__(self, features: dict[str, Feature], training_rows: int) -> None:
        self.features = features
        self.fitters = {name: f.fitter(name) for name, f in features.items()}
        self.sampled_fraction = min(1.0, ROWS_TO_FIT / max(training_rows, 1))
        self.random = np.random.default_rng(0)

    def add(self, table: pa.Table, is_training: Array) -> None:
        """Checks all rows of a chunk, and learns from its training rows."""
        is_sampled = is_training
        if self.sampled_fraction < 1:
            draws = self.random.random(table.num_rows)
            is_sampled = is_training & (draws < self.sampled_fraction)
        for fitter in self.fitters.values():
            fitter.add(table, is_training, is_sampled)

    def finish(self, earlier: EarlierLearnt | None = None) -> FeatureSet:
        """Returns the fitted features. May be called only once.

        `earlier` holds what some features learnt in the run `start_from.run`. These
        features keep the learnt values, and add new values to their vocabularies, see
        `extend_learnt`.
        """
        for name, feature in self.features.items():
            owner = feature.table_owner(name)
            if owner != name:
                # The owner's vocabulary holds the values of both features.
                self.fitters[owner].merge(self.fitters[name])
        learnt = {name: fitter.learnt() for name, fitter in self.fitters.items()}
        for name, earlier_values in (earlier or {}).items():
            feature = self.features[name]
            learnt[name] = extend_learnt(name, feature, earlier_values, learnt[name])
        return FeatureSet(self.features, learnt)
