"""Predictions for many rows."""

from typing import Any

import numpy as np
import tensorflow as tf

from mtl_cli.build import Network
from mtl_cli.data.table import Array

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
        )

    def __call__(self, features: dict[str, Array]) -> dict[str, Array]:
        """Returns predictions by output, float32 (rows,)."""
        rows = len(next(iter(features.values())))
        parts: dict[str, list[Any]] = {}
        for start in range(0, rows, ROWS_A_CALL):
            batch = {
                name: tf.constant(x[start : start + ROWS_A_CALL])
                for name, x in features.items()
            }
            for name, prediction in self.run(batch).items():
                parts.setdefault(name, []).append(prediction.numpy()[:, 0])
        return {name: np.concatenate(part) for name, part in parts.items()}
