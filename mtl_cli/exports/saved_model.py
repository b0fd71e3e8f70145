"""The export format `saved_model`: a folder for TensorFlow and TensorFlow Serving."""

import json
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtl_cli.core.atomic_write import FULL_DISK
from mtl_cli.core.errors import ConfigError, first_line
from mtl_cli.exports.base import (
    RECORD_FILE,
    ExportFormat,
    ExportRecord,
    vocabulary_bytes,
)
from mtl_cli.network.trained_model import TrainedModel

if TYPE_CHECKING:
    import pyarrow as pa

    from mtl_cli.exports.base import Predictions
    from mtl_cli.graphs.base import InputKind

SIGNATURE = "serving_default"
MAX_BYTES = 2**31 - 1  # of the file of the graph: the limit of protocol buffers


class SavedModel(ExportFormat):
    """A TensorFlow SavedModel whose signature has one input per raw column."""

    def check(self, format_name: str, target: Path) -> None:
        super().check(format_name, target)
        if target.suffix == ".onnx":
            raise ConfigError(
                f"--format {format_name}: '{target}' is the name of an ONNX file; add "
                "--format onnx, or give the name of a folder"
            )
        check_path(format_name, target)

    def write(self, model: TrainedModel, record: ExportRecord, path: Path) -> None:
        import tensorflow as tf

        from mtl_cli.network.serving import trace_serving_function

        check_names(record["inputs"])
        if vocabulary_bytes(model) > MAX_BYTES:
            raise ConfigError(
                "--format saved_model: the vocabularies have more than 2 GiB, the most "
                "that a graph of TensorFlow holds; set min_count of the features, or "
                "take --format weights"
            )
        # The name of a column may be no identifier of Python, so it cannot be the name
        # of a function's argument. Therefore the arguments get other names here, and
        # `rename_inputs` replaces these names in the file by the names of the columns.
        columns_by_argument = {
            f"mtl_cli_argument_{i}": column for i, column in enumerate(record["inputs"])
        }
        function, resources = trace_serving_function(
            model.network, model.features, model.config, columns_by_argument
        )
        module = tf.Module()
        module.resources = resources
        save_module(module, function, path)
        rename_inputs(path / "saved_model.pb", columns_by_argument)
        (path / RECORD_FILE).write_text(json.dumps(record), "utf-8")

    def predict(
        self, path: Path, rows: "pa.Table", input_kinds: "dict[str, InputKind]"
    ) -> "Predictions":
        import tensorflow as tf

        from mtl_cli.columns.raw_inputs import graph_input

        model = tf.saved_model.load(str(path))
        inputs = {
            column: tf.constant(graph_input(column, rows[column], kind))
            for column, kind in input_kinds.items()
        }
        columns = model.signatures[SIGNATURE](**inputs)
        return {name: values.numpy() for name, values in columns.items()}


def check_path(format_name: str, target: Path) -> None:
    """Raises a `ConfigError` if TensorFlow would read the path as a pattern.

    TensorFlow writes a SavedModel to such a path, but does not find the model there.
    """
    if re.search(r"\[.+\]|\\", str(target)):
        raise ConfigError(
            f"--format {format_name}: TensorFlow loads no model from '{target}', "
            "because its path holds [...] or a backslash; choose another folder, or "
            "move the export"
        )


def check_names(columns: Iterable[str]) -> None:
    """Raises a `ConfigError` if TensorFlow does not take the names of the columns.

    When TensorFlow in Python loads the model, it turns each name into an identifier: it
    replaces special characters by "_", and puts "arg_" before a name that does not
    begin with a letter. Two names must not become the same identifier. The name `self`
    and the empty name are not allowed.
    """
    taken = {"", "self"}
    for column in columns:
        identifier = re.sub(r"\W", "_", column)
        if identifier and not identifier[0].isalpha():
            identifier = f"arg_{identifier}"
        if identifier in taken:
            raise ConfigError(
                f"--format saved_model: TensorFlow takes no column {column!r}, "
                "because its name is empty, `self`, or like that of another column but "
                "for special characters; rename the column, and train the model again"
            )
        taken.add(identifier)


def save_module(module: Any, function: Any, path: Path) -> None:
    """Writes a TensorFlow module and its signature; an error becomes an `OSError`."""
    import tensorflow as tf

    try:
        tf.saved_model.save(module, str(path), signatures={SIGNATURE: function})
    except tf.errors.OpError as error:
        # TensorFlow puts the names of its operations around the system's message.
        for code in FULL_DISK:
            if os.strerror(code) in str(error):
                raise OSError(code, os.strerror(code)) from error
        raise OSError(first_line(error)) from error


def rename_inputs(path: Path, new_names: dict[str, str]) -> None:
    """Renames the inputs of a model in its file `saved_model.pb`, {old name: new}.

    The new names are names of raw columns, and differ from all names in the file.
    """
    from tensorflow.core.protobuf import saved_model_pb2

    saved = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    (graph,) = saved.meta_graphs
    # TensorFlow Serving reads the names in the signature. TensorFlow in Python reads
    # the names of the arguments of the function.
    inputs = graph.signature_def[SIGNATURE].inputs
    for argument, column in new_names.items():
        inputs[column].CopyFrom(inputs[argument])
        del inputs[argument]
    for node in graph.object_graph_def.nodes:
        if node.HasField("bare_concrete_function"):
            keywords = node.bare_concrete_function.argument_keywords
            keywords[:] = [new_names[keyword] for keyword in keywords]
    path.write_bytes(saved.SerializeToString())
