"""Predictions for many rows."""

from typing import Any

import numpy as np
import tensorflow as tf

from mtl_cli.build import Network
from mtl_cli.data.table import Array, StoredTable, Table

ROWS_A_CALL = 8192


class Predictor:
    """Predicts all rows of a table in large batches, traced once.

    Args:
        network: whose predictions are wanted.
    """

    def __init__(self, network: Network) -> None:
        self.run = tf.function(
            lambda features: network.predictions(features, training=False),
            reduce_retracing=True,
            autograph=False,
        )

    def __call__(self, table: Table | StoredTable) -> dict[str, Array]:
        """Returns predictions by output, float32 (rows,), or (rows, classes)."""
        parts: dict[str, list[Any]] = {}
        for start in range(0, table.rows, ROWS_A_CALL):
            features = table.read(start, start + ROWS_A_CALL).features
            batch = {name: tf.constant(x) for name, x in features.items()}
            for name, prediction in self.run(batch).items():
                found = prediction.numpy()
                found = found[:, 0] if found.shape[1] == 1 else found
                parts.setdefault(name, []).append(found)
        return {name: np.concatenate(part) for name, part in parts.items()}
