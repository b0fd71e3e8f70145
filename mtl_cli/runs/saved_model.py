"""Saves a trained network as plain files, and rebuilds the network from the files.

A run folder may come from someone else. Therefore loading checks the files: a damaged
or malicious file can neither execute code nor fill the memory.
"""

import contextlib
import json
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import ValidationError

from mtl_cli.config.run_config import Config
from mtl_cli.core.errors import DAMAGED_FILE_ERRORS, DataError, first_line
from mtl_cli.core.message_text import comma_list
from mtl_cli.core.options import first_problem
from mtl_cli.core.other_files import (
    UnsafeFileError,
    check_entries,
    check_numbers,
    check_regular,
    read_json,
    read_json_object,
    read_text,
)
from mtl_cli.core.plugin_code import plugin_line
from mtl_cli.core.run_folder import SUBFOLDERS, RunFolder
from mtl_cli.core.run_status import MODEL_CHECKSUMS, STATUS, is_replaced
from mtl_cli.core.written_files import sha256
from mtl_cli.core.yaml_limits import MAX_YAML_BYTES
from mtl_cli.data.check_learnt import check_learnt
from mtl_cli.data.feature_set import FeatureSet
from mtl_cli.data.load import Data
from mtl_cli.data.load import load as load_dataset
from mtl_cli.data.sources import OnProgress, no_progress
from mtl_cli.network.trained_model import TrainedModel
from mtl_cli.runs.provenance import changed_plugins
from mtl_cli.runs.weights_file import WEIGHTS, WeightsInMemory, array_sizes
from mtl_cli.tasks.base import Statistics

if TYPE_CHECKING:  # `network.network` imports TensorFlow
    from mtl_cli.network.network import Network

LEARNT = "model/learnt.json"
SPEC = "model/spec.json"
FILES = (WEIGHTS, LEARNT, SPEC)
# The largest `SPEC` file to read. pydantic collects an error for each wrong value, so a
# huge malicious file could take minutes. The file of any configuration that
# `check_yaml` accepts is smaller than this limit, since `save` writes no blanks.
MAX_SPEC_BYTES = 2 * MAX_YAML_BYTES


class LearntModel(NamedTuple):
    """All parts of a saved model except its weights."""

    features: FeatureSet
    labels: dict[str, Statistics]  # {task: statistics of its labels}, if it uses any
    config: Config


def save(
    folder: RunFolder, network: "Network", config: dict[str, Any], features: FeatureSet
) -> None:
    """Writes a network, its fitted features and its configuration without secrets."""
    weights = WeightsInMemory()
    with warnings.catch_warnings():
        # Keras calls a deprecated function of NumPy. With `PYTHONWARNINGS=error`, its
        # warning would be an error, and the run would lose its training.
        warnings.simplefilter("ignore", DeprecationWarning)
        network.predictions.save_weights(weights)
    with folder.replacing(WEIGHTS) as path:
        path.write_bytes(weights.getvalue())
    learnt = {"features": features.learnt, "labels": network.label_statistics}
    folder.write_values(LEARNT, learnt)
    text = json.dumps(config, separators=(",", ":"), allow_nan=False)
    folder.write_text(SPEC, f"{text}\n")
    lines = [f"{checksum_line(folder.path, file)}\n" for file in FILES]
    folder.write_text(MODEL_CHECKSUMS, "".join(lines))


def load(run: Path) -> TrainedModel:
    """Rebuilds the trained model of a run from its files.

    Raises a `DataError` if the files are missing or damaged, or do not fit each other.
    """
    from mtl_cli.network.build import build, check_size

    # The checksums come first: if somebody replaces the run while its files are read,
    # the checksums of the old run do not fit the files of the new run.
    checksums = None
    with named_model_damage(run), contextlib.suppress(FileNotFoundError):
        checksums = read_text(run / MODEL_CHECKSUMS).splitlines()
    features, labels, config = load_learnt(run)
    # The warning comes before an error that the changed code may cause.
    warn_of_changed_plugins(run, config)
    with named_model_damage(run):
        check_regular(run / WEIGHTS)
        sizes = array_sizes(run / WEIGHTS)
        check_size(config, features.layout, labels, sizes)
        network = build(config, features.layout, labels)
        with warnings.catch_warnings():
            # Keras only warns if the file lacks the weights of a layer. Here, the
            # warning becomes an error, and so do Keras' warnings of other threads.
            warnings.filterwarnings("error", category=UserWarning, module=r"keras\.")
            network.predictions.load_weights(run / WEIGHTS)
        for weight in network.predictions.weights:
            check_numbers(f"{WEIGHTS}: {weight.path}", weight.numpy())
        # The checksums find damage, not forgery: a forger writes other checksums.
        for file in FILES:
            if checksums is not None and checksum_line(run, file) not in checksums:
                raise UnsafeFileError(
                    f"{file} does not have the checksum in {MODEL_CHECKSUMS}"
                )
    warn_of_another_model(run)
    return TrainedModel(network, features, config, run)


def warn_of_another_model(run: Path) -> None:
    with contextlib.suppress(OSError, ValueError):  # a copy may lack the status
        record = read_json_object(run / STATUS)
        if is_replaced(run, MODEL_CHECKSUMS, record):
            warnings.warn(
                f"{run}: the folder model has changed since this run ended, or belongs "
                "to another run; copy the whole folder of the run",
                stacklevel=3,
            )


def warn_of_changed_plugins(run: Path, config: Config) -> None:
    if names := changed_plugins(config, run):
        warnings.warn(
            f"{run}: the code of the plugin of {names} has changed since this model "
            "was trained, so its predictions may be wrong; use the code of that time, "
            "or train the model again",
            stacklevel=2,
        )


def load_data(model: TrainedModel, on_rows: OnProgress = no_progress) -> Data:
    """Reads the data of a model's run again.

    If the run started from an earlier run, its features have learnt from the rows of
    both runs, but its data holds only its own rows. Therefore the features continue
    from the values that the model has learnt, and encode the rows as in training.
    """
    config, learnt = model.config, None
    if config.start_from.run is not None:
        learnt = {name: dict(x) for name, x in model.features.learnt.items()}
    return load_dataset(config.dataset, config.outputs, learnt, on_rows)


def load_learnt(run: Path) -> LearntModel:
    """Reads what a run has learnt from its data, without importing TensorFlow."""
    config = load_config(run)
    with named_model_damage(run):
        learnt = read_json_object(run / LEARNT)
        features = FeatureSet(config.dataset.used_features, learnt["features"])
        labels = dict(learnt["labels"])
        check_learnt(features, labels, config.chosen_tasks)
        return LearntModel(features, labels, config)


def load_config(run: Path) -> Config:
    """Reads the configuration of a run's model, without importing TensorFlow."""
    if not os.path.lexists(run / SPEC):
        fix = run_to_name(run, "name a run that was trained to the end")
        raise DataError(f"{run} holds no complete model; {fix}")
    with named_model_damage(run):
        check_entries(run, SUBFOLDERS, allow_hard_links=True)
        return Config.read_saved(read_json(run / SPEC, MAX_SPEC_BYTES))


def run_to_name(folder: Path, otherwise: str) -> str:
    """Returns a hint that names the runs in a folder, or `otherwise` if it has none."""
    runs = sorted(spec.parents[1].name for spec in folder.glob(f"*/{SPEC}"))
    if not runs:
        return otherwise
    return f"name one of its runs: {comma_list(runs, max_items=3)}"


def checksum_line(run: Path, file: str) -> str:
    return f"{sha256(run / file)}  {Path(file).name}"


@contextlib.contextmanager
def named_model_damage(run: Path) -> Iterator[None]:
    """Turns an error about a damaged or missing file of a run into a `DataError`."""
    try:
        yield
    except ValidationError as error:
        message = f"{run / SPEC}: {first_problem(error)}"
        if error.errors()[0]["type"] != "unknown_name":
            message += "; use mtl-cli and the plugins as they were when it was trained"
        raise DataError(message) from None
    except NotADirectoryError:
        raise DataError(f"{run} is not a folder; name the folder of a run") from None
    except (*DAMAGED_FILE_ERRORS, UserWarning) as error:
        problem = f"{type(error).__name__}: {first_line(error)}"
        if line := plugin_line(error):
            raise DataError(f"{run} cannot be loaded: {problem}{line}") from None
        raise DataError(
            f"{run} holds no complete model: {problem}; train the model again, or copy "
            "the whole folder of the run"
        ) from None
