"""The model of a run, as evaluations need it."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mtl_cli.config.run_config import Config
from mtl_cli.data.feature_set import FeatureSet

if TYPE_CHECKING:  # this module imports TensorFlow
    from mtl_cli.network.build import Network


@dataclass(frozen=True)
class LoadedRun:
    """A network with the features and the configuration that belong to it.

    Attributes:
        network: the network.
        features: the features, fitted to the training rows.
        config: the configuration of the run.
        folder: the run folder.
    """

    network: "Network"
    features: FeatureSet
    config: Config
    folder: Path


def load_run(run: Path) -> LoadedRun:
    """Loads the model of a finished run.

    Raises:
        DataError: if the folder holds no complete model.
    """
    from mtl_cli.runs import saved_model

    return LoadedRun(*saved_model.load(run), folder=run)
