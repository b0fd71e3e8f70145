"""Loads the trained model of a run, together with the path of the run folder."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mtl_cli.exports.base import TrainedModel


@dataclass(frozen=True)
class LoadedRun(TrainedModel):
    """A trained model, and the run folder from which it was loaded.

    Attributes:
        folder: the run folder.
    """

    folder: Path

    def with_constants(self, values: Mapping[str, Any], option: str) -> "LoadedRun":
        """Returns a model that reads one value in all rows of some columns.

        See the function `with_constants` for the arguments and errors.
        """
        from mtl_cli.data.constant_columns import with_constants

        return replace(self, features=with_constants(self.features, values, option))


def load_run(run: Path) -> LoadedRun:
    """Loads the model of a finished run.

    Raises:
        DataError: if the folder does not hold a complete model.
    """
    from mtl_cli.runs import saved_model

    return LoadedRun(*saved_model.load(run), folder=run)
