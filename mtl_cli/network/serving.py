"""Scores encoded rows or raw rows inside TensorFlow, for exported models."""

from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from mtl_cli.config.run_config import Config
from mtl_cli.core.tensors import Tensor
from mtl_cli.data.feature_graph import feature_graph
from mtl_cli.data.feature_set import FeatureSet
from mtl_cli.graphs.base import InputKind
from mtl_cli.graphs.tensorflow import Tables, TensorFlowOps

if TYPE_CHECKING:
    from mtl_cli.network.network import Network

# The shape and the dtype of the tensors for each kind of input: (rows,), or
# (rows, length) for sequences.
TENSOR_SPECS: dict[InputKind, tf.TensorSpec] = {
    "text": tf.TensorSpec([None], tf.string),
    "number": tf.TensorSpec([None], tf.float64),
    "texts": tf.TensorSpec([None, None], tf.string),
    "numbers": tf.TensorSpec([None, None], tf.float64),
}


class Scorer:
    """Scores encoded rows and names the predictions as `mtl-predict` does."""

    def __init__(self, network: "Network", config: Config) -> None:
        self.network = network.predictions
        self.outputs = config.predicted

    def __call__(
        self, inputs: dict[str, Tensor], is_accepted: Tensor
    ) -> dict[str, Tensor]:
        """Predicts encoded rows, the inputs of the network, (rows, width) each.

        `is_accepted` says for each row whether it is accepted, (rows,). The predictions
        of all other rows become NaN.

        Returns: {name of a column: predictions, (rows,)}.
        """
        predictions = self.network(inputs, training=False)
        columns = {}
        for prediction, output in self.outputs.items():
            names = output.task.prediction_column_names(prediction)
            values = tf.unstack(predictions[prediction], axis=1)  # (rows,) each
            for name, column in zip(names, values, strict=True):
                nan = tf.cast(np.nan, column.dtype)
                columns[name] = tf.where(is_accepted, column, nan)
        return columns


class RawScorer:
    """Encodes and scores raw rows with TensorFlow alone."""

    def __init__(
        self, network: "Network", features: FeatureSet, config: Config
    ) -> None:
        self.score = Scorer(network, config)
        self.features = features
        self.tables: Tables = {}

    @property
    def resources(self) -> list[Tensor]:
        """The weights and vocabularies that the traced function reads.

        TensorFlow saves only those weights and vocabularies that a saved model lists.
        """
        # `weight.value` is a plain TensorFlow variable. Keras' own object would save
        # more than the values.
        weights = [weight.value for weight in self.score.network.weights]
        return [*weights, *self.tables.values()]

    def trace(self, arguments: dict[str, str]) -> Tensor:
        """Traces a TensorFlow function from raw columns to named predictions.

        Args:
            arguments: {name of an argument of the function: column of the data}.

        Returns: the traced function.

        Raises:
            ConfigError: if a feature cannot be exported.
        """
        kinds = self.features.input_kinds

        def score(**tensors: Tensor) -> dict[str, Tensor]:
            columns = {arguments[name]: tensor for name, tensor in tensors.items()}
            ops = TensorFlowOps(columns, kinds, self.tables)
            inputs = feature_graph(self.features, ops)
            return self.score(inputs, ops.is_accepted())

        specs = {
            name: tf.TensorSpec.from_spec(TENSOR_SPECS[kinds[column]], name)
            for name, column in arguments.items()
        }
        return tf.function(score, autograph=False).get_concrete_function(**specs)
