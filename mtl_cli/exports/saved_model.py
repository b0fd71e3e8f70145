"""The format `saved_model`: a folder that TensorFlow and TensorFlow Serving load."""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtl_cli.core.errors import ConfigError
from mtl_cli.exports.base import RECORD, Export, TrainedModel, vocabulary_bytes

if TYPE_CHECKING:
    import pyarrow as pa

    from mtl_cli.exports.base import Predictions
    from mtl_cli.graphs.base import InputKind

SIGNATURE = "serving_default"
MAX_BYTES = 2**31 - 1  # of a file of protocol buffers


class SavedModel(Export):
    """A TensorFlow SavedModel whose signature takes raw columns by their names."""

    def check(self, name: str, target: Path) -> None:
        super().check(name, target)
        if target.suffix == ".onnx":
            raise ConfigError(
                f"--format {name}: '{target}' is the name of an ONNX file; add "
                "--format onnx, or name a folder"
            )

    def write(self, model: TrainedModel, record: dict[str, Any], path: Path) -> None:
        import tensorflow as tf

        from mtl_cli.network.serving import RawScorer

        check_names(record["inputs"])
        check_size(model)
        scorer = RawScorer(model.network, model.features, model.config)
        # TensorFlow changes names that are no names of Python, such as `a b`.
        arguments = {f"column_{i}": column for i, column in enumerate(record["inputs"])}
        function = scorer.function(arguments)
        module = tf.Module()
        module.resources = scorer.resources
        tf.saved_model.save(module, str(path), signatures={SIGNATURE: function})
        rename_inputs(path / "saved_model.pb", arguments)
        (path / RECORD).write_text(json.dumps(record), "utf-8")

    def predict(
        self, path: Path, rows: "pa.Table", kinds: "dict[str, InputKind]"
    ) -> "Predictions":
        import tensorflow as tf

        from mtl_cli.columns.raw_inputs import raw_input

        model = tf.saved_model.load(str(path))
        inputs = {
            column: tf.constant(raw_input(column, rows[column], kind))
            for column, kind in kinds.items()
        }
        columns = model.signatures[SIGNATURE](**inputs)
        return {name: values.numpy() for name, values in columns.items()}


def check_names(columns: Iterable[str]) -> None:
    """Refuses names of columns that TensorFlow cannot tell apart.

    Raises:
        ConfigError: naming the columns.
    """
    columns_by_name: dict[str, str] = {"self": "self"}
    for column in columns:
        name = re.sub(r"\W", "_", column)
        if name in columns_by_name:
            raise ConfigError(
                f"--format saved_model: TensorFlow takes the column names '{column}' "
                f"and '{columns_by_name[name]}' for one name; rename one in the data, "
                "and train again"
            )
        columns_by_name[name] = column


def check_size(model: TrainedModel) -> None:
    """Refuses vocabularies that are too large for the file of the graph.

    Raises:
        ConfigError: naming the size.
    """
    size = vocabulary_bytes(model)
    if size > MAX_BYTES:
        raise ConfigError(
            f"--format saved_model: the vocabularies have {size / 2**30:.1f} GiB, and "
            "the graph of TensorFlow holds 2 GiB; set min_count, or take --format "
            "weights"
        )


def rename_inputs(path: Path, arguments: dict[str, str]) -> None:
    """Gives the inputs of a SavedModel's signature the names of columns.

    Args:
        path: the file `saved_model.pb`.
        arguments: {name of an input: column}.
    """
    from tensorflow.core.protobuf import saved_model_pb2

    saved = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    (graph,) = saved.meta_graphs
    # TensorFlow Serving reads the signature, Python reads the keywords of its function.
    inputs = graph.signature_def[SIGNATURE].inputs
    for argument, column in arguments.items():
        inputs[column].CopyFrom(inputs[argument])
        del inputs[argument]
    for node in graph.object_graph_def.nodes:
        if node.HasField("bare_concrete_function"):
            keywords = node.bare_concrete_function.argument_keywords
            keywords[:] = [arguments[keyword] for keyword in keywords]
    path.write_bytes(saved.SerializeToString())
