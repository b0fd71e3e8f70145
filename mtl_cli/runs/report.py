"""Writes the tables, the plots and the pages of a finished run."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import pandas as pd

from mtl_cli.data.table import Array
from mtl_cli.metrics.scores import Scores
from mtl_cli.pages.figures import write_png
from mtl_cli.pages.line_plots import LinePlot
from mtl_cli.runs.diagnosis import Diagnosis
from mtl_cli.runs.epoch_rows import epoch_row, learning_curves
from mtl_cli.runs.predictions_file import SCENARIO
from mtl_cli.runs.score_table import Cells
from mtl_cli.runs.trained_run import TrainedRun
from mtl_cli.scoring.gate_usage import GateUsage
from mtl_cli.scoring.scored_rows import ScoredRows, scored_rows
from mtl_cli.tasks.base import Task


@dataclass(frozen=True)
class FinishedRun(TrainedRun):
    """A trained network and its scores.

    Attributes:
        predictions: the predictions by split and output.
        scores: the scores by split and output.
        split: the split that stands for the run: its test rows if it has any.
        gate_usage: the use of experts by gates; None without gates.
        diagnosis: the weak slices, and the importance of features.
        stages: the seconds of each stage, as `StageTimer.table` returns them.
    """

    predictions: dict[str, dict[str, Array]]
    scores: dict[str, Scores]
    split: str
    gate_usage: GateUsage | None
    diagnosis: Diagnosis
    stages: Cells

    @cached_property
    def scored(self) -> dict[str, ScoredRows]:
        """The rows of `split` on which each output is scored."""
        table, predictions = self.data.splits[self.split], self.predictions[self.split]
        return {
            output.name: scored_rows(output, table, predictions[output.name])
            for output in self.config.outputs
        }

    @cached_property
    def epoch_rows(self) -> list[dict[str, Any]]:
        """The rows of `history.csv`."""
        return [epoch_row(epoch) for epoch in self.history.epochs]

    @property
    def learning_curves(self) -> list[LinePlot]:
        """The plots of the losses and of the validation metrics by epoch, if any."""
        if not self.history.epochs:
            return []
        return learning_curves(self.epoch_rows, self.history.kept_epoch)

    @cached_property
    def prediction_plots(self) -> dict[str, list[LinePlot]]:
        """The plots of each output's predictions on the rows of `split`."""
        return prediction_plots(self.scored)


def write(run: FinishedRun) -> None:
    """Writes the tables, plots and pages of a run.

    These are `history.csv` if the run has trained, `predictions.parquet`, `plots/`,
    `report.html` and `model_card.md`.
    """
    from mtl_cli.runs.report_page import model_card, page, summary

    folder = run.folder
    if run.history.epochs:
        table = pd.DataFrame(run.epoch_rows).to_csv(index=False)
        folder.write_text("history.csv", table)
    if "test" in run.predictions:
        test, scenarios = run.data.splits["test"], run.data.scenarios
        frame = prediction_frame(
            run.config.chosen_tasks,
            run.data.row_numbers["test"],
            test.labels,
            run.predictions["test"],
            None if scenarios is None else scenarios.row_names(test),
        )
        with folder.replacing("predictions.parquet") as path:
            frame.to_parquet(path, index=False)
    plots = {
        "learning_curves": run.learning_curves,
        "calibration": [
            replace(plot, title=name)
            for name, plots in run.prediction_plots.items()
            for plot in plots
            if plot.title == "calibration"
        ],
    }
    for name, group in plots.items():
        if not group:  # no epoch, or no row is scored
            continue
        with folder.replacing(f"plots/{name}.png") as path:
            write_png(group, path)
    shown = summary(run)  # its intervals may take seconds
    folder.write_text("report.html", page(run, shown))
    folder.write_text("model_card.md", model_card(run, shown))


def prediction_frame(
    tasks: dict[str, Task],
    row_numbers: Array,
    labels: dict[str, Array],
    predictions: dict[str, Array],
    scenarios: Array | None = None,
) -> pd.DataFrame:
    """Returns one row per row of a table: its number, labels and predictions.

    Rows count from 1, as they do in messages. The label of a multiclass task is the
    name of its class; its prediction is a list of the classes' probabilities.

    Args:
        tasks: the tasks of the run.
        row_numbers: the number of each row in its table, from 0, (rows,).
        labels: {task: (rows,)}.
        predictions: {output: (rows,) or (rows, classes)}.
        scenarios: the name of each row's scenario, (rows,); None without scenarios.
    """
    columns: dict[str, Any] = {"row": row_numbers + 1}
    if scenarios is not None:
        columns[SCENARIO] = pd.Categorical(scenarios)
    for task, values in labels.items():
        columns[task] = tasks[task].label_column(values)
    for output, values in predictions.items():
        columns[f"{output}_prediction"] = values if values.ndim == 1 else list(values)
    return pd.DataFrame(columns)


def prediction_plots(scored: dict[str, ScoredRows]) -> dict[str, list[LinePlot]]:
    """Returns the plots of each output's predictions; none without scored rows."""
    return {
        name: rows.output.task.plots(rows.label, rows.prediction, rows.weight)
        if len(rows.label)
        else []
        for name, rows in scored.items()
    }
