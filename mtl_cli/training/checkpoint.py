"""States of a training on disk: each whole or not at all, the newest two of a run."""

import json
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mtl_cli.core.run_folder import CHECKPOINTS, RunFolder

KEPT = 2
STATE = "state.json"


@dataclass(frozen=True)
class Checkpoint:
    """A state of a training: one NPZ file, which also holds a JSON.

    Attributes:
        path: of the file; its name says how many epochs and steps are done.
        state: all that is not an array.
    """

    path: Path
    state: dict[str, Any]

    def arrays(self) -> Any:
        """Opens the arrays by name; each is read when it is asked for."""
        return np.load(self.path, allow_pickle=False)


def save(
    folder: RunFolder,
    done: tuple[int, int],
    arrays: Iterable[tuple[str, npt.NDArray[Any]]],
    state: dict[str, Any],
) -> None:
    """Writes a checkpoint, then removes those before the last two.

    Args:
        folder: of the run.
        done: whole epochs, and steps of the next one.
        arrays: by name; each is written before the next is asked for.
        state: what else there is to know, as JSON has it.

    Raises:
        WriteError: if it cannot be written.
    """
    name = "{:07d}-epochs-{:09d}-steps.npz".format(*done)
    # The format of np.savez, which would need all arrays at once. ZIP keeps a checksum
    # of each member.
    with (
        folder.replacing(f"{CHECKPOINTS}/{name}") as path,
        zipfile.ZipFile(path, "w") as archive,
    ):
        for key, array in arrays:
            with archive.open(f"{key}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, array, allow_pickle=False)
        archive.writestr(STATE, json.dumps(state, allow_nan=False))
    for old in saved(folder.path)[KEPT:]:
        old.unlink(missing_ok=True)


def saved(run: Path) -> list[Path]:
    """Returns the checkpoints of a run, newest first."""
    return sorted((run / CHECKPOINTS).glob("[0-9]*.npz"), reverse=True)


def described(path: Path) -> str:
    """Says how far a checkpoint is."""
    epochs, _, steps, _ = path.name.split("-")
    if int(steps):
        return f"step {int(steps):,} of epoch {int(epochs) + 1}"
    return f"epoch {int(epochs)}"


def newest(run: Path) -> tuple[Checkpoint | None, list[Path]]:
    """Returns a run's newest checkpoint that is intact, and the damaged newer ones."""
    damaged: list[Path] = []
    for path in saved(run):
        state = intact(path)
        if state is not None:
            return Checkpoint(path, state), damaged
        damaged.append(path)
    return None, damaged


def intact(path: Path) -> dict[str, Any] | None:
    """Returns the state in a checkpoint, or None if any byte of it was changed."""
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.testzip() is not None:
                return None
            state = json.loads(archive.read(STATE))
    except Exception:  # zipfile has a dozen ways to stumble over damage
        return None
    return state if isinstance(state, dict) else None
