"""The whole way from raw columns to named predictions, as TensorFlow functions."""

from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from mtl_cli.config.run_config import Config
from mtl_cli.core.tensors import Tensor
from mtl_cli.data.feature_set import FeatureSet
from mtl_cli.graphs.base import InputKind
from mtl_cli.graphs.tensorflow import Tables, TensorFlowOps

if TYPE_CHECKING:
    from mtl_cli.network.build import Network

# The type and the shape of the tensors that hold a kind of input.
TENSOR_SPECS: dict[InputKind, tf.TensorSpec] = {
    "text": tf.TensorSpec([None], tf.string),
    "number": tf.TensorSpec([None], tf.float64),
    "texts": tf.TensorSpec([None, None], tf.string),
    "numbers": tf.TensorSpec([None, None], tf.float64),
}


class Scorer:
    """Scores encoded rows with the columns of `mtl-predict`.

    Args:
        network: the trained network.
        config: the configuration of the run.
    """

    def __init__(self, network: "Network", config: Config) -> None:
        self.network = network.predictions
        self.outputs = config.predicted

    def __call__(
        self, inputs: dict[str, Tensor], is_accepted: Tensor
    ) -> dict[str, Tensor]:
        """Returns the predictions by column, (rows,) each; NaN in refused rows.

        Args:
            inputs: the inputs of the network, (rows, width) each.
            is_accepted: whether each row is accepted, (rows,).
        """
        predictions = self.network(inputs, training=False)
        columns = {}
        for prediction, output in self.outputs.items():
            values = predictions[prediction]
            # The task names its columns for arrays; positions show which is which.
            width = values.shape[1]
            positions = np.arange(width) if width == 1 else np.arange(width)[None]
            position_of = output.task.prediction_columns(prediction, positions)
            values = tf.unstack(values, axis=1)
            for name, position in position_of.items():
                x = values[int(position[0])]
                columns[name] = tf.where(is_accepted, x, tf.cast(np.nan, x.dtype))
        return columns


class RawScorer:
    """Scores raw rows with TensorFlow alone.

    Args:
        network: the trained network.
        features: the fitted features.
        config: the configuration of the run.
    """

    def __init__(
        self, network: "Network", features: FeatureSet, config: Config
    ) -> None:
        self.score = Scorer(network, config)
        self.features = features
        self.tables: Tables = {}

    @property
    def resources(self) -> list[Tensor]:
        """The weights and vocabularies that the traced function reads."""
        # Keras' own objects would be saved with more than their values.
        weights = [weight.value for weight in self.score.network.weights]
        return [*weights, *self.tables.values()]

    def function(self, arguments: dict[str, str]) -> Tensor:
        """Traces the function from raw columns to named predictions.

        Args:
            arguments: {name of the function's argument: column}.

        Raises:
            ConfigError: if a feature cannot be exported.
        """
        kinds = self.features.input_kinds

        def score(**tensors: Tensor) -> dict[str, Tensor]:
            columns = {arguments[name]: x for name, x in tensors.items()}
            ops = TensorFlowOps(columns, kinds, self.tables)
            inputs = self.features.graph(ops)
            return self.score(inputs, ops.is_accepted())

        specs = {
            name: tf.TensorSpec.from_spec(TENSOR_SPECS[kinds[column]], name)
            for name, column in arguments.items()
        }
        return tf.function(score, autograph=False).get_concrete_function(**specs)
