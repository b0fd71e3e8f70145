"""The format `weights`: all numbers of a model in plain files."""

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtl_cli.core.other_files import check_npz, read_json_object
from mtl_cli.exports.base import RECORD, Export, TrainedModel

if TYPE_CHECKING:
    import pyarrow as pa

    from mtl_cli.columns.layout import Layout
    from mtl_cli.exports.base import Predictions
    from mtl_cli.graphs.base import InputKind
    from mtl_cli.network.build import Network

WEIGHTS = "weights.npz"
MANIFEST = "weights.json"


class Weights(Export):
    """An archive of NumPy arrays, and a manifest that says what each array is.

    The manifest holds {"tensors" (see `describe_tensors`), "features" (see
    `describe_features`), "labels" {task: statistics of its labels}, "config" (the
    configuration of the run)}.
    """

    def write(self, model: TrainedModel, record: dict[str, Any], path: Path) -> None:
        import numpy as np

        manifest = {
            "tensors": describe_tensors(model),
            "features": describe_features(model),
            "labels": model.network.label_statistics,
            "config": model.config.model_dump(mode="json"),
        }
        weights = {
            name: weight.numpy()
            for name, weight in named_weights(model.network).items()
        }
        path.mkdir()
        np.savez(path / WEIGHTS, **weights)
        (path / MANIFEST).write_text(json.dumps(manifest, indent=2), "utf-8")
        (path / RECORD).write_text(json.dumps(record), "utf-8")

    def predict(
        self, path: Path, rows: "pa.Table", kinds: "dict[str, InputKind]"
    ) -> "Predictions":
        from mtl_cli.network.prediction_columns import prediction_columns

        model = load(path)
        encoded = model.features.encode(rows)
        return prediction_columns(model.network, model.config, encoded)


def describe_tensors(model: TrainedModel) -> dict[str, dict[str, Any]]:
    """Returns the shape, the type and the layer of each tensor, by its name.

    A tensor of embeddings holds the tables of several features one below the other;
    {"tables": {feature: [first row, row after the last]}} says where each table lies.
    """
    layers = {
        id(weight): layer
        for network in model.network.runs or [model.network]
        for layer in network.predictions.layers
        for weight in layer.weights
    }
    tensors = {}
    for name, weight in named_weights(model.network).items():
        layer = layers[id(weight)]
        tensors[name] = {
            "shape": list(weight.shape),
            "dtype": str(weight.dtype),
            "layer": type(layer).__name__,
            "purpose": (type(layer).__doc__ or "").strip().partition("\n")[0],
        } | tables_of(layer, model)
    return tensors


def named_weights(network: "Network") -> dict[str, Any]:
    """Returns the weights of a network by names that do not depend on the process.

    Keras numbers the layers of all networks of a process. Here the layers of each
    network are numbered anew, from 2. In an ensemble the names of each run's weights
    begin with the number of the run.
    """
    if network.runs:
        return {
            f"run_{number}/{name}": weight
            for number, run in enumerate(network.runs, 1)
            for name, weight in named_weights(run).items()
        }
    weights: dict[str, Any] = {}
    for weight in network.predictions.weights:
        path = weight.path.split("/")
        base = "/".join(re.sub(r"_\d+$", "", name) for name in path)
        name, number = base, 1
        while name in weights:
            number += 1
            name = f"{base}_{number}"
        weights[name] = weight
    return weights


def tables_of(layer: Any, model: TrainedModel) -> dict[str, Any]:
    """Returns {"tables": the rows of each feature} of an embedding, else {}."""
    from mtl_cli.layers.lookup import table_groups

    sizes = getattr(layer, "vocabulary_sizes", None)
    # Encoders with weights of the first order look up vectors of length 1 too.
    for dim in (model.config.encoder.embedding_dim, 1):
        for group in table_groups(model.features.layout, dim):
            if tuple(group.sizes.values()) == sizes:
                rows, start = {}, 0
                for feature, size in group.sizes.items():
                    rows[feature] = [start, start + size]
                    start += size
                return {"tables": rows}
    return {}


def describe_features(model: TrainedModel) -> dict[str, dict[str, Any]]:
    """Returns how each feature is encoded, by its name.

    Each feature has {"input" (of the network), "columns" [first column, column after
    the last], "ramps" (the same of the columns that a feature with ids fills in the
    input `dense`, or null), "table" (the feature whose embedding table it uses, or
    null), "learnt" (such as "vocabulary"; its first value has id 1)}. The feature's
    kind and keys stand in the configuration.
    """
    features = model.features
    layout = features.layout
    return {
        name: {
            "input": layout.blocks[name].input,
            "columns": [layout.columns[name].start, layout.columns[name].stop],
            "ramps": ramp_columns(layout, name),
            "table": layout.blocks[name].table,
            "learnt": features.learnt[name],
        }
        for name in features.features
    }


def ramp_columns(layout: "Layout", name: str) -> list[int] | None:
    """Returns the first column of a feature's ramps, and the one after the last."""
    if not layout.blocks[name].ramps:
        return None
    columns = layout.columns_in("dense")[name]
    return [columns.start, columns.stop]


def load(path: Path) -> TrainedModel:
    """Rebuilds a model from its plain files.

    Raises:
        OSError: if a file cannot be read.
        ValueError: if the files are damaged, or do not belong together.
    """
    import numpy as np

    from mtl_cli.config.run_config import Config
    from mtl_cli.data.feature_set import FeatureSet
    from mtl_cli.network.build import build, check_size

    manifest = read_json_object(path / MANIFEST)
    config = Config.model_validate(manifest["config"])
    learnt = {name: keys["learnt"] for name, keys in manifest["features"].items()}
    features = FeatureSet(config.dataset.used_features, learnt)
    check_npz(path / WEIGHTS)
    with np.load(path / WEIGHTS, allow_pickle=False) as archive:
        weights = {name: archive[name] for name in archive.files}
    sizes = [x.size for x in weights.values()]
    check_size(config, features.layout, manifest["labels"], sizes)
    network = build(config, features.layout, manifest["labels"])
    for name, weight in named_weights(network).items():
        weight.assign(weights[name])
    return TrainedModel(network, features, config)
