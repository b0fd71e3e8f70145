"""Writes and reads the checkpoints of a training. A run keeps the newest two.

A checkpoint is an NPZ file: a ZIP archive of arrays, here with a JSON file for the
values that are not arrays.
"""

import json
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from mtl_cli.core.errors import DAMAGED_FILE_ERRORS, DataError, first_line
from mtl_cli.core.options import NotNegative, Options, first_problem
from mtl_cli.core.other_files import MAX_BYTES, check_npz
from mtl_cli.core.run_folder import CHECKPOINTS, RunFolder
from mtl_cli.training.progress import Epoch, History

if TYPE_CHECKING:
    from numpy.lib.npyio import NpzFile

MAX_CHECKPOINTS = 2
# The names of checkpoints, such as `0000002-epochs-000000064-steps.npz`. Files with
# other names, such as copies that a user has made, are not touched.
FILE_PATTERN = "[0-9]*-epochs-[0-9]*-steps.npz"
VALUES_FILE = "state.json"


class CheckpointValues(Options):
    """The content of the JSON file in a checkpoint; see `TrainingState`.

    Attributes:
        kept: number of the best epoch, from 1; 0 if no epoch is the best yet.
        seconds: duration of the unfinished epoch's steps.
        best: whether the training keeps the weights of the best epoch. These weights
            are the arrays `best-0`, `best-1`, ..., see `TrainingState.arrays`.
    """

    environment: dict[str, Any]
    epochs: list[Epoch]
    kept: int
    seconds: NotNegative
    best: bool


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint on disk: its path, and the unchecked content of its JSON file."""

    path: Path
    json_values: dict[str, Any]

    @cached_property
    def values(self) -> CheckpointValues:
        """The checked content of the JSON file; a damaged one is a `DataError`."""
        try:
            # A run writes no infinity, but JSON readers read a number such as 1e999 as
            # infinity.
            text = json.dumps(self.json_values, allow_nan=False)
            values = CheckpointValues.model_validate_json(text)
        except ValidationError as error:
            raise self.damage_error(first_problem(error)) from None
        except ValueError as error:
            raise self.damage_error(first_line(error)) from None
        numbers = [epoch.number for epoch in values.epochs]
        is_in_order = numbers == list(range(1, len(numbers) + 1))
        if not is_in_order or values.kept != History(values.epochs).best_epoch:
            raise self.damage_error("its epochs contradict each other")
        if not self.path.name.startswith(f"{len(numbers):07d}-epochs-"):
            raise self.damage_error(f"it holds {len(numbers)} epochs")
        return values

    def damage_error(self, reason: str) -> DataError:
        return DataError(
            f"{self.path} is not a checkpoint of this run ({reason}); remove this file "
            "to continue from an earlier checkpoint, or from the start"
        )

    @contextmanager
    def open_arrays(self) -> Iterator["NpzFile"]:
        """Opens the arrays for a `with` block. They are read one by one.

        An error of the block, such as a wrong shape of an array, is a `DataError`.
        """
        try:
            with np.load(self.path, allow_pickle=False) as arrays:
                yield arrays
        except DAMAGED_FILE_ERRORS as error:
            raise self.damage_error(first_line(error)) from error


def save(
    folder: RunFolder,
    num_epochs: int,
    num_steps: int,
    arrays: Iterable[tuple[str, npt.NDArray[Any]]],
    values: dict[str, Any],
) -> None:
    """Writes a checkpoint completely or not at all, then removes old checkpoints.

    Args:
        folder: the run folder.
        num_epochs: number of finished epochs.
        num_steps: number of finished steps of the next epoch.
        arrays: see `write_arrays`.
        values: the content of the JSON file; see `CheckpointValues`.
    """
    # Because of the leading zeros, sorting the names sorts the checkpoints by time.
    name = f"{num_epochs:07d}-epochs-{num_steps:09d}-steps.npz"
    with folder.replacing(f"{CHECKPOINTS}/{name}") as path:
        write_arrays(path, arrays, values)
    for old_path in checkpoint_files(folder.path)[MAX_CHECKPOINTS:]:
        old_path.unlink(missing_ok=True)


def write_arrays(
    path: Path, arrays: Iterable[tuple[str, npt.NDArray[Any]]], values: dict[str, Any]
) -> None:
    """Writes pairs of a name and an array, and JSON values, to an NPZ file.

    `np.savez` writes the same format, but needs all arrays in memory at once. The ZIP
    format adds a checksum to each array.
    """
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in arrays:
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, array, allow_pickle=False)
        archive.writestr(VALUES_FILE, json.dumps(values, allow_nan=False))


def checkpoint_files(run: Path) -> list[Path]:
    """Returns the paths of a run's checkpoints, newest first."""
    return sorted((run / CHECKPOINTS).glob(FILE_PATTERN), reverse=True)


def describe_checkpoint(path: Path) -> str:
    """Describes the last step in a checkpoint: `epoch 2`, or `step 64 of epoch 3`."""
    # The name has the form `0000002-epochs-000000064-steps.npz`.
    epochs, _, steps, _ = path.name.split("-")
    if int(steps):
        return f"step {int(steps):,} of epoch {int(epochs) + 1}"
    return f"epoch {int(epochs)}"


def newest_checkpoint(run: Path) -> tuple[Checkpoint | None, list[Path]]:
    """Returns a run's newest intact checkpoint, and newer damaged files."""
    damaged: list[Path] = []
    for path in checkpoint_files(run):
        values = read_intact(path)
        if values is not None:
            return Checkpoint(path, values), damaged
        damaged.append(path)
    return None, damaged


def remove_checkpoints_after(checkpoint: Checkpoint | None, run: Path) -> None:
    """Removes a run's checkpoints of later steps than the given checkpoint.

    They are damaged: a run resumes its newest intact checkpoint. `save` would keep
    them, because they seem to be the newest, and remove intact checkpoints.
    """
    last_name = "" if checkpoint is None else checkpoint.path.name
    for path in checkpoint_files(run):
        if path.name > last_name:
            path.unlink(missing_ok=True)


def read_intact(path: Path) -> dict[str, Any] | None:
    """Returns the JSON values of a checkpoint; None if the file is damaged anywhere."""
    try:
        check_npz(path)
        with zipfile.ZipFile(path) as archive:
            is_too_large = archive.getinfo(VALUES_FILE).file_size > MAX_BYTES
            if is_too_large or archive.testzip() is not None:
                return None
            values = json.loads(archive.read(VALUES_FILE))
    except Exception:  # zipfile raises a dozen types of errors for damaged files
        return None
    return values if isinstance(values, dict) else None
