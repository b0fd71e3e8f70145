"""Loads the trained model of a run, to evaluate it."""

from dataclasses import dataclass
from pathlib import Path

from mtl_cli.exports.base import TrainedModel


@dataclass(frozen=True)
class LoadedRun(TrainedModel):
    """A trained model, and the run folder from which it was loaded.

    Attributes:
        folder: the run folder.
    """

    folder: Path


def load_run(run: Path) -> LoadedRun:
    """Loads the model of a finished run.

    Raises:
        DataError: if the folder does not hold a complete model.
    """
    from mtl_cli.runs import saved_model

    return LoadedRun(*saved_model.load(run), folder=run)
