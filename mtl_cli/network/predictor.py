"""Predicts all rows of a table, batch by batch."""

from functools import partial

import keras
import numpy as np
import tensorflow as tf

from mtl_cli.core.tensors import Tensor
from mtl_cli.data.table import Array, Table

ROWS_PER_CALL = 8192


class Predictor:
    """Predicts all rows of a table in large batches with one traced function.

    Args:
        model: a model that returns {output: (batch, 1)} or {output: (batch, classes)}.
    """

    def __init__(self, model: keras.Model) -> None:
        # Without a signature, TensorFlow would trace the function again for the last
        # batch, because it is smaller.
        signature = {x.name: tf.TensorSpec(x.shape, x.dtype) for x in model.inputs}
        # TensorFlow counts how often each Python function is traced, and warns after 5
        # times. A `partial` is a function of its own for each model.
        self.predict_batch = tf.function(
            partial(predict_features, model),
            input_signature=[signature],
            autograph=False,
        )

    def __call__(self, table: Table) -> dict[str, Array]:
        """Predicts all rows.

        Returns: {output: predictions}, `(rows,)` or `(rows, classes)`. Predictions of
            standardised labels and of amounts are float64, all others float32.
        """
        if not table.num_rows:
            # Some operations refuse a batch without rows, so a row of zeros is
            # predicted, and its predictions are left out.
            zeros = {
                name: np.zeros((1, x.shape[1]), x.dtype)
                for name, x in table.features.items()
            }
            predictions = self(Table(zeros, labels={}, weights={}))
            return {name: array[:0] for name, array in predictions.items()}
        batches: dict[str, list[Array]] = {}
        for start in range(0, table.num_rows, ROWS_PER_CALL):
            features = table.read(start, start + ROWS_PER_CALL).features
            batch = {name: tf.constant(x) for name, x in features.items()}
            for name, prediction in self.predict_batch(batch).items():
                array = prediction.numpy()  # (batch, 1) or (batch, classes)
                if array.shape[1] == 1:
                    array = array[:, 0]
                batches.setdefault(name, []).append(array)
        return {name: np.concatenate(arrays) for name, arrays in batches.items()}


def predict_features(
    model: keras.Model, features: dict[str, Tensor]
) -> dict[str, Tensor]:
    """Returns the predictions of a model for encoded rows."""
    predictions: dict[str, Tensor] = model(features, training=False)
    return predictions
