"""The export format `weights`: all numbers of a model in plain files.

The folder holds the weights as NumPy arrays, and a manifest in JSON that describes the
arrays. Any program can read both files.
"""

import itertools
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import ValidationError

from mtl_cli.core.options import first_problem
from mtl_cli.core.other_files import check_npz, check_numbers, read_json_object
from mtl_cli.exports._weights_tensors import describe_tensors, named_weights
from mtl_cli.exports.base import ExportFormat, ExportRecord
from mtl_cli.network.trained_model import TrainedModel

if TYPE_CHECKING:
    import pyarrow as pa

    from mtl_cli.exports.base import Predictions
    from mtl_cli.graphs.base import InputKind

WEIGHTS = "weights.npz"
MANIFEST = "weights.json"


class Weights(ExportFormat):
    """An archive of NumPy arrays, and a manifest that describes them."""

    has_inputs: ClassVar[bool] = False

    def write(self, model: TrainedModel, record: ExportRecord, path: Path) -> None:
        import numpy as np

        manifest = {
            "tensors": describe_tensors(model),
            "features": describe_features(model),
            "encoding": describe_encoding(model),
            "labels": model.network.label_statistics,
            "config": model.config.model_dump(mode="json"),
        }
        weights = named_weights(model.network)
        path.mkdir()
        np.savez(path / WEIGHTS, **{name: x.numpy() for name, x in weights.items()})
        (path / MANIFEST).write_text(json.dumps(manifest, indent=2), "utf-8")

    def predict(
        self, path: Path, rows: "pa.Table", input_kinds: "dict[str, InputKind]"
    ) -> "Predictions":
        model = load(path)
        encoded = model.features.encode(rows)
        return model.prediction_columns(encoded)


def load(path: Path) -> TrainedModel:
    """Rebuilds a model from its plain files.

    Raises an `OSError` or a `ValueError` if a file is missing, damaged or does not fit.
    """
    import numpy as np

    from mtl_cli.config.run_config import Config
    from mtl_cli.data.check_learnt import check_learnt
    from mtl_cli.data.feature_set import FeatureSet
    from mtl_cli.network.build import build, check_size

    manifest = read_json_object(path / MANIFEST)
    try:
        config = Config.read_saved(manifest["config"])
    except ValidationError as error:
        raise ValueError(f"{MANIFEST}: config: {first_problem(error)}") from None
    learnt = {name: keys["learnt"] for name, keys in manifest["features"].items()}
    features = FeatureSet(config.dataset.used_features, learnt)
    check_learnt(features, manifest["labels"], config.chosen_tasks)
    check_npz(path / WEIGHTS)
    with np.load(path / WEIGHTS, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    for name, array in arrays.items():
        check_numbers(name, array)
    sizes = [array.size for array in arrays.values()]
    check_size(config, features.layout, manifest["labels"], sizes)
    network = build(config, features.layout, manifest["labels"])
    for name, weight in named_weights(network).items():
        weight.assign(arrays[name])
    return TrainedModel(network, features, config, path)


def describe_features(model: TrainedModel) -> dict[str, dict[str, Any]]:
    """Describes how each feature is encoded: {feature: description}.

    A description does not repeat the kind and the keys of the feature: the
    configuration holds them. The keys of a description:

    - `input`: the input of the network that the feature fills.
    - `columns`: [first column, column after the last] in that input.
    - `ramps`: [first column, column after the last] in the input `dense`, for a
      feature that fills columns there in addition to its ids; null for other features.
    - `numbers`: how the columns in the input `dense` are computed from x, the number in
      the cell, and the keys of `learnt`; null without such columns, and for a kind of a
      plugin that does not describe them.
    - `table`: the feature whose embedding table this feature uses; null without ids.
    - `learnt`: the values that the feature learnt from the training rows, such as
      `vocabulary`. The first text of a vocabulary has the id 1.
    """
    features = model.features
    layout = features.layout
    ramps = {
        name: [columns.start, columns.stop]
        for name, columns in layout.columns_in("dense").items()
        if layout.blocks[name].ramps
    }
    return {
        name: {
            "input": layout.blocks[name].input,
            "columns": [layout.columns[name].start, layout.columns[name].stop],
            "ramps": ramps.get(name),
            "numbers": None
            if feature.encodes_otherwise("numbers_text")
            else feature.numbers_text(features.learnt[name]) or None,
            "table": layout.blocks[name].table,
            "learnt": features.learnt[name],
        }
        for name, feature in features.by_name.items()
    }


def describe_encoding(model: TrainedModel) -> list[dict[str, Any]]:
    """Describes x, the embeddings and numbers of a row that lie side by side.

    The encoder reads x. Without deep layers and interactions, x is the encoding.

    Returns: the blocks of columns of x in order. A block has the keys `feature`;
        `input`, the input of the network that the block is computed from; and `width`,
        the number of its columns.
    """
    layout = model.features.layout
    columns = model.config.encoder.columns(layout)
    num_vector_columns = len(columns) - layout.width("dense")  # embeddings come first
    blocks = []
    for names, is_dense in (
        (columns[:num_vector_columns], False),
        (columns[num_vector_columns:], True),
    ):
        for feature, group in itertools.groupby(names):
            input_name = "dense" if is_dense else layout.blocks[feature].input
            width = len(list(group))
            blocks.append({"feature": feature, "input": input_name, "width": width})
    return blocks
