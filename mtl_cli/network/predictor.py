"""Predicts all rows of a table, batch by batch."""

import keras
import numpy as np
import tensorflow as tf

from mtl_cli.data.table import Array, Table

ROWS_PER_CALL = 8192


class Predictor:
    """Predicts all rows of a table in large batches with one traced function.

    Args:
        model: a model that returns {output: (batch, 1)} or {output: (batch, classes)}.
    """

    def __init__(self, model: keras.Model) -> None:
        # The signature keeps TensorFlow from tracing again for a last, smaller batch.
        signature = {x.name: tf.TensorSpec(x.shape, x.dtype) for x in model.inputs}
        self.predict_batch = tf.function(
            lambda features: model(features, training=False),
            input_signature=[signature],
            autograph=False,
        )

    def __call__(self, table: Table) -> dict[str, Array]:
        """Predicts all rows: {output: predictions}, (rows,) or (rows, classes).

        Predictions are float32; predictions of standardised labels and amounts are
        float64.
        """
        batches: dict[str, list[Array]] = {}
        for start in range(0, table.num_rows, ROWS_PER_CALL):
            features = table.read(start, start + ROWS_PER_CALL).features
            batch = {name: tf.constant(x) for name, x in features.items()}
            for name, prediction in self.predict_batch(batch).items():
                values = prediction.numpy()
                values = values[:, 0] if values.shape[1] == 1 else values
                batches.setdefault(name, []).append(values)
        return {name: np.concatenate(values) for name, values in batches.items()}
