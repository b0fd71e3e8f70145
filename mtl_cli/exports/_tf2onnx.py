"""Converts a network to an ONNX graph with tf2onnx, and fills a gap of tf2onnx."""

import logging
from typing import TYPE_CHECKING, Any

from mtl_cli.core.errors import ConfigError
from mtl_cli.core.message_text import comma_list
from mtl_cli.network.trained_model import TrainedModel

if TYPE_CHECKING:
    from onnx import ModelProto

# The input of the network's graph that says for each row whether the encoding accepted
# it. Otherwise the predictions of the row are NaN, see `GraphOps.require`.
IS_ACCEPTED = "is_accepted"
TF2ONNX_OPSET = 18  # the highest version of the operations that tf2onnx writes


def converted_network(model: TrainedModel, outputs: list[str]) -> "ModelProto":
    """Returns the network as an ONNX graph that computes `outputs`, in this order.

    tf2onnx itself chooses the names of the graph's outputs.
    """
    import tensorflow as tf
    import tf2onnx

    from mtl_cli.network.serving import named_predictions

    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    tensors = model.network.predictions.inputs
    encoded_names = [tensor.name for tensor in tensors]

    def predict(*inputs: Any) -> list[Any]:
        *encoded, is_accepted = inputs
        inputs_by_name = dict(zip(encoded_names, encoded, strict=True))
        columns = named_predictions(
            model.network, model.config, inputs_by_name, is_accepted
        )
        return [columns[name] for name in outputs]

    specs = [
        tf.TensorSpec(tensor.shape, tensor.dtype, name=tensor.name)
        for tensor in tensors
    ]
    specs.append(tf.TensorSpec([None], tf.bool, name=IS_ACCEPTED))
    function = tf.function(predict, autograph=False)
    converted: ModelProto
    converted, _ = tf2onnx.convert.from_function(
        function,
        specs,
        opset=TF2ONNX_OPSET,
        custom_op_handlers={"Expm1": (convert_expm1, [])},
    )
    check_operations(converted)
    return converted


def convert_expm1(context: Any, node: Any, name: str, arguments: Any) -> None:
    """Converts TensorFlow's `Expm1`, exp(x) - 1: tf2onnx does not know this operation.

    tf2onnx determines the arguments: the graph, the node to replace, and its name.
    """
    import numpy as np

    shape, dtype = context.get_shape(node.output[0]), context.get_dtype(node.output[0])
    context.remove_node(name)
    exp = context.make_node("Exp", node.input)
    one = context.make_const(f"{name}_one", np.float32(1))
    context.make_node(
        "Sub",
        [exp.output[0], one.output[0]],
        name=name,
        outputs=node.output,
        shapes=[shape],
        dtypes=[dtype],
    )


def check_operations(converted: "ModelProto") -> None:
    """Raises a `ConfigError` if tf2onnx left operations that ONNX does not have."""
    from onnx import defs

    unknown = {
        node.op_type
        for node in converted.graph.node
        if not defs.has(node.op_type, node.domain)
    }
    if unknown:
        raise ConfigError(
            "--format onnx: ONNX does not have these operations of the network: "
            f"{comma_list(sorted(unknown))}; take --format saved_model"
        )
