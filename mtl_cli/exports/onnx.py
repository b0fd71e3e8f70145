"""The export format `onnx`: one file that ONNX Runtime runs."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from mtl_cli.core.errors import ConfigError
from mtl_cli.core.other_files import UnsafeFileError, check_regular
from mtl_cli.exports._tf2onnx import IS_ACCEPTED, converted_network
from mtl_cli.exports.base import (
    FILE_HASH_KEY,
    ExportFormat,
    ExportRecord,
    vocabulary_bytes,
    with_hash,
)
from mtl_cli.network.trained_model import TrainedModel

if TYPE_CHECKING:
    import pyarrow as pa
    from onnx import ModelProto

    from mtl_cli.exports.base import Predictions
    from mtl_cli.graphs.base import InputKind

SUFFIX = ".onnx"
RECORD_KEY = "mtl_export"  # the key of the record in the metadata of an ONNX file
MAX_BYTES = 2**31 - 1  # the limit of protocol buffers; an ONNX file is one
BYTES_PER_WEIGHT = 4
# An export is merged from two graphs: the encoding graph encodes raw columns, and the
# network's graph predicts. These prefixes keep the names of their tensors apart.
ENCODED, NETWORK = "encoded/", "network/"
# The version of the file format. ONNX 1.16 introduced this version, and ONNX Runtime
# reads this version since release 1.18.
IR_VERSION = 10


class Onnx(ExportFormat):
    """An ONNX file whose inputs are raw columns."""

    packages: ClassVar[tuple[str, ...]] = ("onnx", "onnxruntime", "tf2onnx")
    extra: ClassVar[str] = "export"
    tolerance: ClassVar[float] = 1e-5

    def check(self, format_name: str, target: Path) -> None:
        super().check(format_name, target)
        if target.suffix != SUFFIX:
            raise ConfigError(
                f"--format {format_name}: '{target}' does not end in {SUFFIX}; "
                f"give the file a name such as model{SUFFIX}"
            )

    def write(self, model: TrainedModel, record: ExportRecord, path: Path) -> None:
        import onnx

        check_network(model)
        check_names(record)
        inputs = [tensor.name for tensor in model.network.predictions.inputs]
        merged = onnx.compose.merge_models(
            encoding_graph(model),
            network_graph(model, record["outputs"]),
            io_map=[(ENCODED + x, NETWORK + x) for x in (*inputs, IS_ACCEPTED)],
        )
        del merged.metadata_props[:]
        onnx.checker.check_model(merged)
        graph = merged.SerializeToString()
        sha256 = hashlib.sha256(graph).hexdigest()
        record_with_hashes = with_hash({**record, FILE_HASH_KEY: sha256})
        path.write_bytes(graph + metadata_bytes(record_with_hashes))

    def predict(
        self, path: Path, rows: "pa.Table", input_kinds: "dict[str, InputKind]"
    ) -> "Predictions":
        from mtl_cli.columns.raw_inputs import graph_input

        session = load_onnx_runtime().InferenceSession(
            str(path), providers=["CPUExecutionProvider"]
        )
        inputs = {
            column: graph_input(column, rows[column], kind)
            for column, kind in input_kinds.items()
        }
        names = [output.name for output in session.get_outputs()]
        return dict(zip(names, session.run(names, inputs), strict=True))

    def read_record(self, path: Path) -> dict[str, Any] | None:
        if path.suffix != SUFFIX or not path.is_file():
            return None
        self.check("onnx", path)  # the package `onnx` reads the record
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

    def check_hashes(self, path: Path, record: ExportRecord) -> None:
        sha256 = record.get(FILE_HASH_KEY)
        if sha256 is None:
            return
        graph = path.read_bytes().removesuffix(metadata_bytes(record))
        if hashlib.sha256(graph).hexdigest() != sha256:
            raise UnsafeFileError(f"{path} has changed since it was written")


def metadata_bytes(record: Mapping[str, Any]) -> bytes:
    """Returns the end of an ONNX file: the metadata with the record.

    Protocol buffers read two messages, one behind the other, as one message.
    """
    import onnx

    metadata = onnx.ModelProto()
    onnx.helper.set_model_props(metadata, {RECORD_KEY: json.dumps(record)})
    serialized: bytes = metadata.SerializeToString()
    return serialized


def load_onnx_runtime() -> Any:
    """Imports ONNX Runtime without its usage statistics, events sent to Microsoft."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    return onnxruntime


def check_names(record: ExportRecord) -> None:
    """Raises a `ConfigError` if ONNX does not take the name of a raw column."""
    for column in record["inputs"]:
        if not column or column in record["outputs"]:
            raise ConfigError(
                f"--format onnx: the column '{column}' of the data has an empty name, "
                "or that of a prediction; rename the column or the task, and train the "
                "model again"
            )


def check_network(model: TrainedModel) -> None:
    """Raises a `ConfigError` if the network is too large, or cannot run on CPUs."""
    if model.config.trainer.precision == "bfloat16":
        raise ConfigError(
            "--format onnx: the run was trained with trainer.precision=bfloat16, in "
            "which ONNX Runtime cannot compute on CPUs; take --format saved_model"
        )
    weight_bytes = model.network.predictions.count_params() * BYTES_PER_WEIGHT
    size = weight_bytes + vocabulary_bytes(model)
    if size > MAX_BYTES:
        raise ConfigError(
            f"--format onnx: the model has {size / 2**30:.1f} GiB, but an ONNX file "
            "holds at most 2 GiB; take --format saved_model"
        )


def encoding_graph(model: TrainedModel) -> "ModelProto":
    """Builds the graph from raw columns to the inputs of the network.

    Raises a `ConfigError` if a feature needs an operation that ONNX lacks.
    """
    from onnx import helper

    from mtl_cli.data.feature_graph import feature_graph
    from mtl_cli.graphs.onnx import OPERATOR_SETS, OnnxOps

    ops = OnnxOps(model.features.input_kinds)
    inputs = feature_graph(model.features, ops) | {IS_ACCEPTED: ops.is_accepted()}
    graph = ops.finish({ENCODED + name: tensor for name, tensor in inputs.items()})
    return helper.make_model(graph, opset_imports=OPERATOR_SETS, ir_version=IR_VERSION)


def network_graph(model: TrainedModel, outputs: list[str]) -> "ModelProto":
    """Converts the network to the graph from its inputs to the named outputs."""
    from onnx import compose, helper, version_converter

    from mtl_cli.graphs.onnx import OPERATOR_SETS, OPSET

    converted = converted_network(model, outputs)
    # Without the prefix, a tensor of the network could have the name of a raw column.
    prefixed = compose.add_prefix(converted, NETWORK)
    graph_model = version_converter.convert_version(prefixed, OPSET)
    graph = graph_model.graph
    for name, output in zip(outputs, graph.output, strict=True):
        graph.node.append(helper.make_node("Identity", [output.name], [name]))
        output.name = name
    # `merge_models` needs two graphs with the same versions of operators and format.
    del graph_model.opset_import[:]
    graph_model.opset_import.extend(OPERATOR_SETS)
    graph_model.ir_version = IR_VERSION
    return graph_model
