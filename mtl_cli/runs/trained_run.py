"""A run after its training: all that the later steps of the run need."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mtl_cli.config.run_config import Config
from mtl_cli.core.run_folder import RunFolder
from mtl_cli.data.load import Data
from mtl_cli.training.progress import History

if TYPE_CHECKING:  # this module imports TensorFlow
    from mtl_cli.network.build import Network


@dataclass(frozen=True)
class TrainedRun:
    """A trained network, with its data and its training.

    Attributes:
        folder: the run folder.
        config: the run's configuration.
        command: the command that made the run.
        next_commands: commands to run next: pairs of a command and its purpose.
        environment: the content of `environment.json`.
        data: the encoded splits.
        network: the trained network.
        history: the losses and validation scores of each epoch. The history of an
            ensemble has no epochs, because an ensemble is not trained itself.
    """

    folder: RunFolder
    config: Config
    command: list[str]
    next_commands: list[tuple[str, str]]
    environment: dict[str, Any]
    data: Data
    network: "Network"
    history: History
