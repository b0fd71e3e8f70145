"""The export format `weights`: all numbers of a model in plain files.

The folder holds the weights as NumPy arrays, and a manifest in JSON that describes the
arrays. Any program can read both files.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import ValidationError

from mtl_cli.core.options import first_problem
from mtl_cli.core.other_files import check_npz, check_numbers, read_json_object
from mtl_cli.exports._weights_manifest import describe_model
from mtl_cli.exports._weights_tensors import named_weights
from mtl_cli.exports.base import ExportFormat, ExportRecord
from mtl_cli.network.trained_model import TrainedModel

if TYPE_CHECKING:
    import numpy.typing as npt
    import pyarrow as pa

    from mtl_cli.exports.base import Predictions
    from mtl_cli.graphs.base import InputKind

WEIGHTS = "weights.npz"
MANIFEST = "weights.json"


class Weights(ExportFormat):
    """An archive of NumPy arrays, and a manifest that describes each array.

    The keys of the manifest, see `_weights_manifest.py`:

    - `tensors`: see `describe_tensors` in `_weights_tensors.py`.
    - `features`: see `describe_features`.
    - `encoding`: see `describe_encoding`.
    - `labels`: {task: statistics of its labels in the training rows}.
    - `config`: the configuration of the run.
    """

    has_inputs: ClassVar[bool] = False

    def write(self, model: TrainedModel, record: ExportRecord, path: Path) -> None:
        import numpy as np

        manifest = describe_model(model)
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

    Raises an `OSError` if a file cannot be read, a `ValueError` if a file is damaged or
    the files do not fit each other.
    """
    from mtl_cli.config.run_config import Config
    from mtl_cli.data.feature_set import FeatureSet
    from mtl_cli.network.build import build
    from mtl_cli.network.stored_size import check_size

    manifest = read_json_object(path / MANIFEST)
    try:
        config = Config.read_saved(manifest["config"])
    except ValidationError as error:
        raise ValueError(f"{MANIFEST}: config: {first_problem(error)}") from None
    learnt = {name: keys["learnt"] for name, keys in manifest["features"].items()}
    features = FeatureSet(config.dataset.used_features, learnt)
    arrays = read_arrays(path / WEIGHTS)
    sizes = [array.size for array in arrays.values()]
    check_size(config, features.layout, manifest["labels"], sizes)
    network = build(config, features.layout, manifest["labels"])
    for name, weight in named_weights(network).items():
        weight.assign(arrays[name])
    return TrainedModel(network, features, config, path)


def read_arrays(path: Path) -> "dict[str, npt.NDArray[Any]]":
    """Reads an archive of NumPy arrays, {name: array}, and checks the numbers.

    Raises an `OSError` if the file cannot be read, a `ValueError` if it is damaged.
    """
    import numpy as np

    check_npz(path)
    with np.load(path, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    for name, array in arrays.items():
        check_numbers(name, array)
    return arrays
