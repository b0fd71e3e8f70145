"""Weights & Biases: sends runs to a project."""

from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import PrivateAttr

from mtl_cli.metrics.scores import Scores
from mtl_cli.trackers.base import Tracker, flat_numbers


class WandB(Tracker):
    """A tracker that logs each run to a project of Weights & Biases.

    Attributes:
        project: name of the project.
        mode: `online`, or `offline`, which keeps the log in the run folder until
            `wandb sync` sends it.
    """

    package: ClassVar[str] = "wandb"
    project: str
    mode: Literal["online", "offline"]

    _run: Any = PrivateAttr(None)

    def start(self, run: Path, values: dict[str, Any]) -> None:
        import wandb

        self._run = wandb.init(
            project=self.project,
            mode=self.mode,
            dir=str(run),
            name=run.name,
            config=values,
            settings=wandb.Settings(silent=True, console="off"),
        )

    def epoch(self, number: int, row: dict[str, Any]) -> None:
        self._run.log(flat_numbers(row), step=number)

    def end(self, scores: dict[str, Scores] | None) -> None:
        self._run.summary.update(flat_numbers(scores or {}, "final."))
        self._run.finish(exit_code=int(scores is None))
