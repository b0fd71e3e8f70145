"""A run after its training: all that the later steps of the run need."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mtl_cli.config.run_config import Config
from mtl_cli.core.run_folder import RunFolder
from mtl_cli.data.load import Data
from mtl_cli.metrics.score_dict import metrics_of
from mtl_cli.training.progress import Epoch, History

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


def epoch_row(epoch: Epoch) -> dict[str, Any]:
    """Returns the row of an epoch in `history.csv`."""
    row: dict[str, Any] = {"epoch": epoch.number}
    row |= {f"loss.{task}": loss for task, loss in epoch.losses.items()}
    row |= {f"weight.{task}": weight for task, weight in epoch.task_weights.items()}
    for output, scores in epoch.valid.items():
        metrics = metrics_of(scores)
        row |= {f"valid.{output}.{name}": value for name, value in metrics.items()}
    return row | {
        "best": epoch.best,
        "seconds": epoch.seconds,
        "samples_per_second": epoch.samples_per_second,
        "compile_seconds": epoch.compile_seconds,
    }
