"""The format `onnx`: one file that ONNX Runtime runs."""

import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from mtl_cli.core.errors import ConfigError
from mtl_cli.core.other_files import check_regular
from mtl_cli.exports.base import Export, TrainedModel, vocabulary_bytes

if TYPE_CHECKING:
    import pyarrow as pa
    from onnx import ModelProto

    from mtl_cli.exports.base import Predictions
    from mtl_cli.graphs.base import InputKind

ENDING = ".onnx"
RECORD_KEY = "mtl_export"  # of the file's metadata
MAX_BYTES = 2**31 - 1  # of a file of protocol buffers
BYTES_PER_WEIGHT = 4
IS_ACCEPTED = "is_accepted"  # a mask of rows, beside the inputs of the network
# The prefixes of the names of tensors.
ENCODED, NETWORK = "encoded/", "network/"
TF2ONNX_OPSET = 18  # the highest that tf2onnx writes
IR_VERSION = 10  # of ONNX 1.16; ONNX Runtime reads this version since 1.18


class Onnx(Export):
    """An ONNX file whose inputs are raw columns."""

    packages: ClassVar[tuple[str, ...]] = ("onnx", "onnxruntime", "tf2onnx")
    extra: ClassVar[str] = "export"
    tolerance: ClassVar[float] = 1e-5

    def check(self, name: str, target: Path) -> None:
        super().check(name, target)
        if target.suffix != ENDING:
            raise ConfigError(
                f"--format {name}: '{target}' does not end in {ENDING}; name a file "
                "that does"
            )

    def write(self, model: TrainedModel, record: dict[str, Any], path: Path) -> None:
        import onnx

        check_names(record)
        check_size(model)
        whole = onnx.compose.merge_models(
            encoding_graph(model),
            network_graph(model, record["outputs"]),
            io_map=[
                (ENCODED + name, NETWORK + name) for name in inputs_of_network(model)
            ],
        )
        onnx.helper.set_model_props(whole, {RECORD_KEY: json.dumps(record)})
        onnx.checker.check_model(whole)
        path.write_bytes(whole.SerializeToString())

    def predict(
        self, path: Path, rows: "pa.Table", kinds: "dict[str, InputKind]"
    ) -> "Predictions":
        import onnxruntime

        from mtl_cli.columns.raw_inputs import raw_input

        session = onnxruntime.InferenceSession(
            str(path), providers=["CPUExecutionProvider"]
        )
        inputs = {c: raw_input(c, rows[c], kind) for c, kind in kinds.items()}
        names = [output.name for output in session.get_outputs()]
        return dict(zip(names, session.run(names, inputs), strict=True))

    def read_record(self, path: Path) -> dict[str, Any] | None:
        if path.suffix != ENDING or not path.is_file():
            return None
        self.check("onnx", path)
        import onnx
        from google.protobuf.message import DecodeError

        check_regular(path, MAX_BYTES)
        try:
            model = onnx.load(path, load_external_data=False)
        except DecodeError as error:
            raise ValueError(f"{path}: {error}") from None
        properties = {entry.key: entry.value for entry in model.metadata_props}
        if RECORD_KEY not in properties:
            return None
        record: dict[str, Any] = json.loads(properties[RECORD_KEY])
        return record


def check_names(record: dict[str, Any]) -> None:
    """Refuses a column that has the name of a prediction.

    Raises:
        ConfigError: naming the column.
    """
    for column in record["inputs"]:
        if column in record["outputs"]:
            raise ConfigError(
                f"--format onnx: a column of the data and a prediction are both named "
                f"'{column}'; rename the task, and train again"
            )


def check_size(model: TrainedModel) -> None:
    """Refuses a model that is too large for one file.

    Raises:
        ConfigError: naming the size.
    """
    size = model.network.predictions.count_params() * BYTES_PER_WEIGHT
    size += vocabulary_bytes(model)
    if size > MAX_BYTES:
        raise ConfigError(
            f"--format onnx: the model has {size / 2**30:.1f} GiB, and a file of ONNX "
            "holds 2 GiB; take --format saved_model"
        )


def inputs_of_network(model: TrainedModel) -> list[str]:
    """Returns the names of the network's inputs, and of the mask of accepted rows."""
    return [*(x.name for x in model.network.predictions.inputs), IS_ACCEPTED]


def encoding_graph(model: TrainedModel) -> "ModelProto":
    """Returns the graph from raw columns to the inputs of the network.

    Raises:
        ConfigError: if a feature has no such graph.
    """
    from onnx import helper

    from mtl_cli.graphs.onnx import OnnxOps, operator_sets

    ops = OnnxOps(model.features.input_kinds)
    inputs = model.features.graph(ops) | {IS_ACCEPTED: ops.is_accepted()}
    graph = ops.finish({ENCODED + name: x for name, x in inputs.items()})
    return helper.make_model(
        graph, opset_imports=operator_sets(), ir_version=IR_VERSION
    )


def network_graph(model: TrainedModel, outputs: list[str]) -> "ModelProto":
    """Returns the graph from the inputs of the network to named predictions."""
    import tensorflow as tf
    import tf2onnx
    from onnx import compose, helper, version_converter

    from mtl_cli.graphs.onnx import OPSET, operator_sets
    from mtl_cli.network.serving import Scorer

    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    score = Scorer(model.network, model.config)
    *names, _ = inputs_of_network(model)

    def predictions(*inputs: Any) -> list[Any]:
        *encoded, is_accepted = inputs
        columns = score(dict(zip(names, encoded, strict=True)), is_accepted)
        return [columns[name] for name in outputs]

    specs = [
        tf.TensorSpec(x.shape, x.dtype, name=x.name)
        for x in model.network.predictions.inputs
    ]
    specs.append(tf.TensorSpec([None], tf.bool, name=IS_ACCEPTED))
    function = tf.function(predictions, autograph=False)
    converted, _ = tf2onnx.convert.from_function(function, specs, opset=TF2ONNX_OPSET)
    # A column of the data may have the name of a tensor of the network.
    prefixed = compose.add_prefix(converted, NETWORK)
    whole = version_converter.convert_version(prefixed, OPSET)
    for name, output in zip(outputs, whole.graph.output, strict=True):
        whole.graph.node.append(helper.make_node("Identity", [output.name], [name]))
        output.name = name
    del whole.opset_import[:]
    whole.opset_import.extend(operator_sets())
    whole.ir_version = IR_VERSION
    return whole
