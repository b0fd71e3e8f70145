"""A run after its training: all that the later steps of the run need."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mtl_cli.config.run_config import Config
from mtl_cli.core.run_folder import RunFolder
from mtl_cli.data.load import Data
from mtl_cli.runs.epoch_rows import epoch_row
from mtl_cli.training.progress import History

if TYPE_CHECKING:  # this module imports TensorFlow
    from mtl_cli.network.network import Network


@dataclass(frozen=True)
class TrainedRun:
    """A trained network, with its data and its training."""

    folder: RunFolder
    config: Config
    command: list[str]  # the command that made the run
    next_commands: list[tuple[str, str]]  # (command, its purpose)
    environment: dict[str, Any]  # the content of `environment.json`
    data: Data
    network: "Network"
    history: History  # without epochs for an ensemble: an ensemble is not trained

    @property
    def epoch_rows(self) -> list[dict[str, Any]]:
        return [epoch_row(epoch) for epoch in self.history.epochs]
