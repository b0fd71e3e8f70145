"""The network of a run or of an ensemble of runs, for training and for predicting.

Letters in shapes: B is the number of rows in a batch, D the width of an encoding, T the
number of tasks and H the width of a hidden vector.
"""

from dataclasses import dataclass, field
from functools import cached_property, partial

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from mtl_cli.columns.numeric import Floats
from mtl_cli.core.prediction_names import spread_name
from mtl_cli.core.tensors import Tensor
from mtl_cli.data.table import Array, Table
from mtl_cli.layers.calibration import Calibration
from mtl_cli.network.transfer import EarlierOptimizer
from mtl_cli.tasks.base import Statistics

ROWS_PER_CALL = 8192


class Predictor:
    """Predicts all rows of a table in large batches with one traced function."""

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
    predictions: dict[str, Tensor] = model(features, training=False)
    return predictions


@dataclass(frozen=True)
class Network:
    """A network as two Keras models that share their layers and weights.

    Both models read the inputs that `connect_inputs` makes, and return
    {output: (B, 1)}, or {output: (B, classes)} for an output with several classes.

    Attributes:
        logits: the model for training.
        predictions: the model for predicting; it returns probabilities or values.
        label_statistics: {task: statistics of its labels}, for tasks that use any.
        x: what the encoder reads: the embeddings and dense features side by side, one
            tensor (B, columns) per set of embeddings.
        encodings: the outputs of the encoder, (B, D) each.
        hidden: the output of the sharing scheme: (T, B, H), or (B, H) if all tasks
            share one hidden vector.
        calibrations: {task: the layer that calibrates the logits of its tower}, for
            tasks that can be calibrated. Only `predictions` has these layers.
        dropout_rates: {column of the input `ids`: the probability of each id to become
            id 0 in a training step, (ids,)}, for features with `id_dropout`.
        earlier_optimizer: the state of an earlier run's optimizer to start from.
        runs: the networks that an ensemble averages; empty for the network of one run.
    """

    logits: keras.Model
    predictions: keras.Model
    label_statistics: dict[str, Statistics] = field(default_factory=dict)
    x: list[Tensor] = field(default_factory=list)
    encodings: list[Tensor] = field(default_factory=list)
    hidden: Tensor = None
    calibrations: dict[str, Calibration] = field(default_factory=dict)
    dropout_rates: dict[int, Floats] = field(default_factory=dict)
    earlier_optimizer: EarlierOptimizer | None = None
    runs: "list[Network]" = field(default_factory=list)

    @cached_property
    def predict(self) -> Predictor:
        """A function that predicts the rows of a table; TensorFlow traces it once."""
        return Predictor(self.predictions)


def average(runs: list[Network]) -> Network:
    """Combines the networks of several runs into one network, their ensemble.

    The network of run r predicts p_r, the mean over its members (`model.members`), and
    s_r, their standard deviation, 0 for a single member. An ensemble of R runs predicts

        p = sum_r p_r / R        s = sqrt(sum_r (s_r^2 + (p_r - p)^2) / R)

    These are the mean and the standard deviation over the members of all runs, because
    all runs have equally many members. s has the name that `spread_name` returns. The
    logits of the first run come first, then the logits of the second run, and so on.
    """
    inputs = {
        tensor.name: keras.Input(tensor.shape[1:], dtype=tensor.dtype, name=tensor.name)
        for tensor in runs[0].logits.inputs
    }
    logits_of_runs = [run.logits(inputs) for run in runs]
    predictions_of_runs = [run.predictions(inputs) for run in runs]
    logits: dict[str, Tensor] = {}
    predictions: dict[str, Tensor] = {}
    for name in logits_of_runs[0]:
        logits[name] = ops.concatenate([run[name] for run in logits_of_runs], axis=0)
        # p_r, (R, batch, ...)
        means = ops.stack([run[name] for run in predictions_of_runs])
        variance = ops.var(means, axis=0)
        spread = spread_name(name)
        if spread in predictions_of_runs[0]:
            spreads = ops.stack([run[spread] for run in predictions_of_runs])  # s_r
            variance += ops.mean(ops.square(spreads), axis=0)
        predictions[name] = ops.mean(means, axis=0)
        predictions[spread] = ops.sqrt(variance)
    models = keras.Model(inputs, logits), keras.Model(inputs, predictions)
    return Network(*models, runs[0].label_statistics, runs=runs)
