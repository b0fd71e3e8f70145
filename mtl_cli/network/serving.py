"""Scores encoded rows or raw rows inside TensorFlow, for exported models."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import tensorflow as tf

from mtl_cli.config.run_config import Config
from mtl_cli.core.tensors import Tensor
from mtl_cli.data.feature_graph import feature_graph
from mtl_cli.data.feature_set import FeatureSet
from mtl_cli.graphs.base import InputKind
from mtl_cli.graphs.tensorflow import Tables, TensorFlowOps

if TYPE_CHECKING:
    from tensorflow.types.experimental import ConcreteFunction

    from mtl_cli.network.network import Network

# {kind of a raw column: its tensor}: (rows,), or (rows, length) for sequences.
TENSOR_SPECS: dict[InputKind, tf.TensorSpec] = {
    "text": tf.TensorSpec([None], tf.string),
    "number": tf.TensorSpec([None], tf.float64),
    "texts": tf.TensorSpec([None, None], tf.string),
    "numbers": tf.TensorSpec([None, None], tf.float64),
}


class ServingFunction(NamedTuple):
    """A TensorFlow function from raw columns to named predictions, for a saved model.

    `resources` are the weights and vocabularies that the function reads. TensorFlow
    saves only those that the saved model lists.
    """

    function: "ConcreteFunction"
    resources: list[Tensor]


def trace_serving_function(
    network: "Network", features: FeatureSet, config: Config, arguments: dict[str, str]
) -> ServingFunction:
    """Traces the function that a saved model serves.

    `arguments` is {name of an argument of the function: column of the data}.
    """
    kinds = features.input_kinds
    vocabularies: Tables = {}  # filled while the function is traced

    def score(**tensors: Tensor) -> dict[str, Tensor]:
        columns = {arguments[name]: tensor for name, tensor in tensors.items()}
        ops = TensorFlowOps(columns, kinds, vocabularies)
        inputs = feature_graph(features, ops)
        return named_predictions(network, config, inputs, ops.is_accepted())

    specs = {
        name: tf.TensorSpec.from_spec(TENSOR_SPECS[kinds[column]], name)
        for name, column in arguments.items()
    }
    function = tf.function(score, autograph=False).get_concrete_function(**specs)
    # `weight.value` is a plain TensorFlow variable. Keras' own object would save more
    # than the values.
    weights = [weight.value for weight in network.predictions.weights]
    return ServingFunction(function, [*weights, *vocabularies.values()])


def named_predictions(
    network: "Network", config: Config, inputs: dict[str, Tensor], is_accepted: Tensor
) -> dict[str, Tensor]:
    """Predicts encoded rows, and names the predictions as `mtl-predict` does.

    `is_accepted` says whether the features accept the values of each row, `(rows,)`.
    The predictions of all other rows become NaN.

    Returns: {name of a column: predictions, `(rows,)`}.
    """
    predictions = network.predictions(inputs, training=False)
    columns = {}
    for prediction, output in config.output_by_prediction.items():
        names = output.task.prediction_column_names(prediction)
        values = tf.unstack(predictions[prediction], axis=1)  # (rows,) each
        for name, column in zip(names, values, strict=True):
            nan = tf.cast(np.nan, column.dtype)
            columns[name] = tf.where(is_accepted, column, nan)
    return columns
