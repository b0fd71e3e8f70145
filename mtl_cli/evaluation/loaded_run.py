"""The model of a run, as evaluations need it."""

from dataclasses import dataclass
from pathlib import Path

from mtl_cli.exports.base import TrainedModel


@dataclass(frozen=True)
class LoadedRun(TrainedModel):
    """A trained model, and the run folder that it comes from.

    Attributes:
        folder: the run folder.
    """

    folder: Path


def load_run(run: Path) -> LoadedRun:
    """Loads the model of a finished run.

    Raises:
        DataError: if the folder holds no complete model.
    """
    from mtl_cli.runs import saved_model

    return LoadedRun(*saved_model.load(run), folder=run)
