"""A finished run: its trained network, its predictions and its scores."""

from dataclasses import dataclass
from functools import cached_property

from mtl_cli.data.table import Array
from mtl_cli.metrics.score_dict import Scores
from mtl_cli.pages.line_plots import LinePlot
from mtl_cli.runs.diagnosis import Diagnosis
from mtl_cli.runs.epoch_rows import learning_curves
from mtl_cli.runs.text_tables import Cells
from mtl_cli.runs.trained_run import TrainedRun
from mtl_cli.scoring.gate_records import GateUsage
from mtl_cli.scoring.scored_rows import ScoredRows, scored_rows


@dataclass(frozen=True)
class FinishedRun(TrainedRun):
    """A trained network and its scores."""

    predictions: dict[str, dict[str, Array]]  # {split: {output: predictions}}
    scores: dict[str, Scores]  # {split: {output: score}}, as in `metrics.json`
    split: str  # the split whose scores the report shows first, see `main_split`
    gate_usage: GateUsage | None  # None without gates
    diagnosis: Diagnosis
    stages: Cells  # see `StageTimer.table`

    @cached_property
    def rows_by_output(self) -> dict[str, ScoredRows]:
        """The rows of `split` on which each output is scored, {output: rows}."""
        table, predictions = self.data.splits[self.split], self.predictions[self.split]
        return {
            output.name: scored_rows(output, table, predictions[output.name])
            for output in self.config.outputs
        }

    @property
    def loss_and_metric_plots(self) -> list[LinePlot]:
        """The plots of losses and validation metrics by epoch; [] without epochs."""
        if not self.history.epochs:
            return []
        return learning_curves(self.epoch_rows, self.history.kept_epoch)
