"""Checkpoints of a training on disk. A run keeps the newest two."""

import json
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mtl_cli.core.run_folder import CHECKPOINTS, RunFolder

MOST_CHECKPOINTS = 2
VALUES = "state.json"


@dataclass(frozen=True)
class Checkpoint:
    """The state of a training: one NPZ file with a JSON file in it.

    Attributes:
        path: path of the file, whose name holds the number of epochs and steps.
        values: the part of the state that is not arrays.
    """

    path: Path
    values: dict[str, Any]

    def arrays(self) -> Any:
        """Opens the arrays by name; each is read when it is asked for."""
        return np.load(self.path, allow_pickle=False)


def save(
    folder: RunFolder,
    done: tuple[int, int],
    arrays: Iterable[tuple[str, npt.NDArray[Any]]],
    values: dict[str, Any],
) -> None:
    """Writes a checkpoint whole or not at all, then removes the oldest ones.

    Args:
        folder: the run folder.
        done: number of whole epochs, and number of steps of the next epoch.
        arrays: arrays and their names; each is written before the next is asked for.
        values: the part of the state that is not arrays, as JSON values.

    Raises:
        WriteError: if the checkpoint cannot be written.
    """
    name = "{:07d}-epochs-{:09d}-steps.npz".format(*done)
    # This is the format of np.savez, which would need all arrays at once. ZIP keeps a
    # checksum of each member.
    with (
        folder.replacing(f"{CHECKPOINTS}/{name}") as path,
        zipfile.ZipFile(path, "w") as archive,
    ):
        for key, array in arrays:
            with archive.open(f"{key}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, array, allow_pickle=False)
        archive.writestr(VALUES, json.dumps(values, allow_nan=False))
    for old in saved(folder.path)[MOST_CHECKPOINTS:]:
        old.unlink(missing_ok=True)


def saved(run: Path) -> list[Path]:
    """Returns the checkpoints of a run, newest first."""
    return sorted((run / CHECKPOINTS).glob("[0-9]*.npz"), reverse=True)


def described(path: Path) -> str:
    """Names the epoch, or the step within an epoch, that a checkpoint has reached."""
    epochs, _, steps, _ = path.name.split("-")
    if int(steps):
        return f"step {int(steps):,} of epoch {int(epochs) + 1}"
    return f"epoch {int(epochs)}"


def newest(run: Path) -> tuple[Checkpoint | None, list[Path]]:
    """Returns a run's newest intact checkpoint, and the damaged newer ones."""
    damaged: list[Path] = []
    for path in saved(run):
        values = read_intact(path)
        if values is not None:
            return Checkpoint(path, values), damaged
        damaged.append(path)
    return None, damaged


def read_intact(path: Path) -> dict[str, Any] | None:
    """Returns the values in a checkpoint, or None if any byte of it was changed."""
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.testzip() is not None:
                return None
            values = json.loads(archive.read(VALUES))
    except Exception:  # zipfile raises a dozen types of errors for damaged files
        return None
    return values if isinstance(values, dict) else None
