"""Saves a trained network as plain files, and rebuilds the network from the files."""

import contextlib
import io
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mtl_cli.config.run_config import Config
from mtl_cli.core.errors import DAMAGED_FILE_ERRORS, DataError, first_line
from mtl_cli.core.options import first_problem
from mtl_cli.core.other_files import (
    UnsafeFileError,
    check_entries,
    check_numbers,
    check_regular,
    read_json,
    read_json_object,
)
from mtl_cli.core.run_folder import SUBFOLDERS, RunFolder
from mtl_cli.data.feature_set import FeatureSet
from mtl_cli.tasks.base import Statistics

WEIGHTS = "model/model.weights.h5"
LEARNT = "model/learnt.json"
SPEC = "model/spec.json"
BYTES_PER_WEIGHT = 4
# Far above the groups and arrays of any network, and their depth.
MAX_ENTRIES, MAX_DEPTH = 100_000, 32


class WeightsInMemory(io.BytesIO):
    """A file in memory that Keras accepts as a file of weights.

    HDF5 crashes the process when it writes to a full disk, so it writes to memory.
    """

    def __str__(self) -> str:
        return WEIGHTS


def save(
    folder: RunFolder, network: Any, config: dict[str, Any], features: FeatureSet
) -> None:
    """Writes the weights, the configuration, and what was learnt from the data.

    Args:
        folder: the run folder.
        network: the trained `Network`.
        config: the configuration as plain values, without secrets.
        features: the fitted features.
    """
    weights = WeightsInMemory()
    network.predictions.save_weights(weights)
    with folder.replacing(WEIGHTS) as path:
        path.write_bytes(weights.getbuffer())
    learnt = {"features": features.learnt, "labels": network.label_statistics}
    folder.write_json(LEARNT, learnt)
    folder.write_json(SPEC, config)


def load(run: str | Path) -> tuple[Any, FeatureSet, Config]:
    """Rebuilds the network of a run. Loading the files cannot execute code in them.

    Args:
        run: the folder of a finished run.

    Returns: the trained `Network`, the fitted features and the configuration.

    Raises:
        DataError: if the files are missing, damaged, or do not belong together.
    """
    from mtl_cli.network.build import build, check_size

    run = Path(run)
    features, labels, config = load_learnt(run)
    with named_damage(run):
        check_regular(run / WEIGHTS)
        sizes = stored_arrays(run / WEIGHTS)
        check_size(config, features.layout, labels, sizes)
        network = build(config, features.layout, labels)
        with warnings.catch_warnings():
            # If the file lacks the weights of a layer, Keras only warns.
            warnings.simplefilter("error", UserWarning)
            network.predictions.load_weights(run / WEIGHTS)
        for weight in network.predictions.weights:
            check_numbers(f"{WEIGHTS}: {weight.path}", weight.numpy())
    return network, features, config


def load_learnt(run: Path) -> tuple[FeatureSet, dict[str, Statistics], Config]:
    """Reads what the features and tasks of a run have learnt, without TensorFlow.

    Returns: the fitted features, {task: statistics of its labels}, and the
        configuration.

    Raises:
        DataError: if the files are missing or damaged.
    """
    with named_damage(run):
        check_entries(run, SUBFOLDERS, is_written=False)
        config = Config.model_validate(read_json(run / SPEC))
        learnt = read_json_object(run / LEARNT)
        features = FeatureSet(config.dataset.used_features, learnt["features"])
        # Fails if a feature lacks what it has learnt, or has learnt something else.
        features.encode(features.examples(1))
        for values in features.learnt.values():
            if "vocabulary" in values and values.vocabulary.null_count:
                raise ValueError("a vocabulary holds null")
        return features, dict(learnt["labels"]), config


@contextlib.contextmanager
def named_damage(run: Path) -> Iterator[None]:
    """Turns an error about a damaged or missing file of a run into one line."""
    try:
        yield
    except ValidationError as error:
        raise DataError(f"{run / SPEC}: {first_problem(error)}") from None
    except (*DAMAGED_FILE_ERRORS, UserWarning) as error:
        raise DataError(
            f"{run} holds no complete model: {type(error).__name__}: "
            f"{first_line(error)}; train it again, or copy the whole folder"
        ) from None


def stored_arrays(weights: Path) -> list[int]:
    """Returns the number of weights in each array of a file.

    Raises:
        UnsafeFileError: if the file holds arrays that expand, or far too many groups.
        OSError: if the file is damaged.
    """
    import h5py

    sizes, entries = [], 0

    def visit(name: str, entry: Any) -> None:
        nonlocal entries
        entries += 1
        if entries > MAX_ENTRIES or name.count("/") > MAX_DEPTH:
            raise UnsafeFileError(f"{WEIGHTS} has too many groups")
        if isinstance(entry, h5py.Dataset):
            if entry.chunks is not None:  # only chunks can be compressed
                raise UnsafeFileError(f"{WEIGHTS}: '{name}' may expand when it is read")
            sizes.append(entry.size)

    with h5py.File(weights) as file:
        file.visititems(visit)
    if weights.stat().st_size < BYTES_PER_WEIGHT * sum(sizes):
        raise UnsafeFileError(f"{WEIGHTS} is too small for its arrays")
    return sizes
