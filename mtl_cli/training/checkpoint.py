"""Writes and reads the checkpoints of a training. A run keeps the newest two.

A checkpoint is an NPZ file: a ZIP archive of arrays, here with a JSON file for the
values that are not arrays.
"""

import json
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
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
VALUES_FILE = "state.json"


class Values(Options):
    """The content of the JSON file in a checkpoint; see `TrainingState`.

    Attributes:
        environment: the content of `environment.json`.
        epochs: the finished epochs.
        kept: number of the best epoch, from 1; 0 if there is none yet.
        seconds: duration of the unfinished epoch's steps.
        best: whether the training keeps the weights of the best epoch. The checkpoint
            then holds them too, unless the network still has them.
    """

    environment: dict[str, Any]
    epochs: list[Epoch]
    kept: int
    seconds: NotNegative
    best: bool


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint on disk: its path, and the content of its JSON file.

    The file's name holds the numbers of epochs and steps.
    """

    path: Path
    values: dict[str, Any]

    def check_values(self) -> None:
        """Raises a `DataError` if the values do not have the form of `Values`."""
        try:
            # A run writes no infinity, but a number such as 1e999 is read as one.
            text = json.dumps(self.values, allow_nan=False)
            values = Values.model_validate_json(text)
        except ValidationError as error:
            raise self.damage(first_problem(error)) from None
        except ValueError as error:
            raise self.damage(first_line(error)) from None
        numbers = [epoch.number for epoch in values.epochs]
        if numbers != list(range(1, len(numbers) + 1)):
            raise self.damage("epochs: their numbers do not follow each other")
        best_epoch = History(values.epochs).best_epoch
        if values.kept != best_epoch:
            raise self.damage(f"kept: {values.kept} is not the best epoch {best_epoch}")

    def damage(self, reason: str) -> DataError:
        """Returns an error about a checkpoint from which the run cannot continue."""
        return DataError(
            f"{self.path} is not a checkpoint of this run ({reason}); remove it to go "
            "on from an earlier checkpoint, or to start again"
        )

    @contextmanager
    def open_arrays(self) -> Iterator["NpzFile"]:
        """Opens the arrays. Each array is read when it is used.

        Raises:
            DataError: if the file is damaged, or if the block finds that an array does
                not fit the run, and raises one of `DAMAGED_FILE_ERRORS`.
        """
        try:
            with np.load(self.path, allow_pickle=False) as arrays:
                yield arrays
        except DAMAGED_FILE_ERRORS as error:
            raise self.damage(first_line(error)) from error


def save(
    folder: RunFolder,
    num_epochs: int,
    num_steps: int,
    arrays: Iterable[tuple[str, npt.NDArray[Any]]],
    values: dict[str, Any],
) -> None:
    """Writes a checkpoint completely or not at all, then removes the oldest ones.

    Args:
        folder: the run folder.
        num_epochs: number of finished epochs.
        num_steps: number of finished steps of the epoch after them.
        arrays: see `write_arrays`.
        values: the content of the JSON file; see `Values`.

    Raises:
        WriteError: if the checkpoint cannot be written.
    """
    # Leading zeros make the order of the names the order of the checkpoints.
    name = f"{num_epochs:07d}-epochs-{num_steps:09d}-steps.npz"
    with folder.replacing(f"{CHECKPOINTS}/{name}") as path:
        write_arrays(path, arrays, values)
    for old_path in checkpoint_files(folder.path)[MAX_CHECKPOINTS:]:
        old_path.unlink(missing_ok=True)


def write_arrays(
    path: Path, arrays: Iterable[tuple[str, npt.NDArray[Any]]], values: dict[str, Any]
) -> None:
    """Writes arrays by key, and JSON values, to an NPZ file.

    `np.savez` writes the same format, but needs all arrays in memory at once. This
    function writes each array before it takes the next. The ZIP format adds a checksum
    to each array.
    """
    with zipfile.ZipFile(path, "w") as archive:
        for key, array in arrays:
            with archive.open(f"{key}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, array, allow_pickle=False)
        archive.writestr(VALUES_FILE, json.dumps(values, allow_nan=False))


def checkpoint_files(run: Path) -> list[Path]:
    """Returns the paths of a run's checkpoints, newest first."""
    return sorted((run / CHECKPOINTS).glob("[0-9]*.npz"), reverse=True)


def describe_checkpoint(path: Path) -> str:
    """Describes the last step in a checkpoint: `epoch 2`, or `step 64 of epoch 3`."""
    epochs, _, steps, _ = path.name.split("-")
    if int(steps):
        return f"step {int(steps):,} of epoch {int(epochs) + 1}"
    return f"epoch {int(epochs)}"


def newest_checkpoint(run: Path) -> tuple[Checkpoint | None, list[Path]]:
    """Returns a run's newest intact checkpoint, if any, and the newer damaged ones."""
    damaged: list[Path] = []
    for path in checkpoint_files(run):
        values = read_intact(path)
        if values is not None:
            return Checkpoint(path, values), damaged
        damaged.append(path)
    return None, damaged


def read_intact(path: Path) -> dict[str, Any] | None:
    """Returns the JSON values of a checkpoint; None if any part of it is damaged."""
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
