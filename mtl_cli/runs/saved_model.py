"""Saves a trained network as plain files, and builds it again from them."""

import io
import json
import tempfile
import warnings
from pathlib import Path
from typing import Any

import pyarrow as pa
from pydantic import ValidationError

from mtl_cli.config.run_config import Config
from mtl_cli.core.errors import DAMAGED, DataError, first_line
from mtl_cli.core.run_folder import RunFolder
from mtl_cli.data.column_request import ColumnRequest
from mtl_cli.data.encode import feature_columns, types
from mtl_cli.data.feature_set import FeatureSet
from mtl_cli.data.sources import open_source

WEIGHTS = "model/model.weights.h5"
LEARNT = "model/learnt.json"
SPEC = "model/spec.json"


class InMemory(io.BytesIO):
    """A file that Keras takes for one of weights.

    Where HDF5 itself meets a full disk, it ends the process with a crash.
    """

    def __str__(self) -> str:
        return WEIGHTS


def save(
    folder: RunFolder, network: Any, config: dict[str, Any], features: FeatureSet
) -> None:
    """Writes weights, the configuration to rebuild them, and what was learnt from data.

    Args:
        folder: of the run.
        network: a trained `Network`.
        config: the configuration as plain values.
        features: fitted.
    """
    weights = InMemory()
    network.logits.save_weights(weights)
    with folder.replacing(WEIGHTS) as path:
        path.write_bytes(weights.getbuffer())
    learnt = {"features": features.learnt, "labels": network.labels}
    folder.write_json(LEARNT, learnt)
    folder.write_json(SPEC, config)


def load(run: str | Path) -> tuple[Any, FeatureSet, Config]:
    """Builds the network of a run again; nothing that it reads can execute code.

    Args:
        run: folder of a finished run.

    Returns: the `Network`, the fitted features and the configuration.

    Raises:
        DataError: if the files are missing, damaged, or do not belong together.
    """
    from mtl_cli.network.build import build

    run = Path(run)
    try:
        config = Config.model_validate(json.loads((run / SPEC).read_text("utf-8")))
        learnt = json.loads((run / LEARNT).read_text("utf-8"))
        features = FeatureSet(config.dataset.used_features, learnt["features"])
        network = build(config, features.layout, learnt["labels"])
        with warnings.catch_warnings():
            # Keras warns of layers that the file does not hold, and goes on.
            warnings.simplefilter("error", UserWarning)
            network.logits.load_weights(run / WEIGHTS)
    except ValidationError as error:
        what = error.errors()[0]
        place = ".".join(map(str, what["loc"]))
        raise DataError(f"{run / SPEC}: {place}: {what['msg']}") from None
    except (*DAMAGED, UserWarning) as error:
        raise DataError(
            f"{run}: holds no whole model: {type(error).__name__}: {first_line(error)};"
            " train it again, or copy the whole folder"
        ) from None
    return network, features, config


def read(path: str | Path, config: Config) -> pa.Table:
    """Reads the features' columns of a file as training reads them.

    A reader that guesses types would make a number of the id 007.

    Args:
        path: of a file, folder, pattern or URL in a format that data sets may have.
        config: of the run.

    Raises:
        DataError: naming the file, and what is wrong with it.
    """
    dataset = config.dataset
    request = ColumnRequest(feature_columns(dataset), types(dataset, []))
    with tempfile.TemporaryDirectory() as folder:
        source = open_source("path", str(path), dataset, request, Path(folder, "rows"))
        return pa.concat_tables(list(source.chunks()))
