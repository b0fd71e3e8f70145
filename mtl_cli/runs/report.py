"""Writes the tables, the plots and the pages of a finished run."""

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pandas as pd

from mtl_cli.config.run_config import Config
from mtl_cli.core.run_folder import RunFolder
from mtl_cli.data.load import Data
from mtl_cli.data.table import Array
from mtl_cli.heads.base import Output
from mtl_cli.metrics.scores import Scores, metrics_of
from mtl_cli.pages.line_plots import Line, LinePlot
from mtl_cli.pages.png import write_png
from mtl_cli.runs.score_table import Cells
from mtl_cli.scoring.gate_usage import GateUsage
from mtl_cli.scoring.scored_rows import ScoredRows, scored_rows
from mtl_cli.tasks.base import Task
from mtl_cli.training.progress import Epoch, History

if TYPE_CHECKING:  # this module imports TensorFlow
    from mtl_cli.network.build import Network


@dataclass(frozen=True)
class FinishedRun:
    """What a run has trained, and how good it is.

    Attributes:
        folder: the run folder.
        config: the run's configuration.
        settings: the flags and settings of the command line.
        environment: the content of `environment.json`.
        data: the encoded splits.
        network: the trained network.
        history: the losses and validation scores of each epoch.
        predictions: the predictions by split and output.
        scores: the scores by split and output.
        split: the split that stands for the run: its test rows if it has any.
        gate_usage: how the gates use their experts; None without gates.
        stages: the seconds of each stage, as `StageTimer.table` returns them.
        next_commands: commands to go on with, and what each does.
    """

    folder: RunFolder
    config: Config
    settings: list[str]
    environment: dict[str, Any]
    data: Data
    network: "Network"
    history: History
    predictions: dict[str, dict[str, Array]]
    scores: dict[str, Scores]
    split: str
    gate_usage: GateUsage | None
    stages: Cells
    next_commands: list[tuple[str, str]]

    @cached_property
    def scored(self) -> dict[str, ScoredRows]:
        """The rows of `split` on which each output is scored."""
        table, predictions = self.data.splits[self.split], self.predictions[self.split]
        return {
            output.name: scored_rows(output, table, predictions[output.name])
            for output in self.config.outputs
        }

    @cached_property
    def prediction_plots(self) -> dict[str, list[LinePlot]]:
        """The plots of each output's predictions on the rows of `split`."""
        return prediction_plots(self.scored)


def write(run: FinishedRun) -> None:
    """Writes the tables, plots and pages of a run.

    These are `history.csv`, `predictions.parquet`, `plots/`, `report.html` and
    `model_card.md`.
    """
    from mtl_cli.runs.report_page import model_card, page, summary

    folder, outputs = run.folder, run.config.outputs
    rows = [epoch_row(epoch) for epoch in run.history.epochs]
    folder.write_text("history.csv", pd.DataFrame(rows).to_csv(index=False))
    if "test" in run.predictions:
        frame = prediction_frame(
            run.config.chosen_tasks,
            run.data.row_numbers["test"],
            run.data.splits["test"].labels,
            run.predictions["test"],
        )
        with folder.replacing("predictions.parquet") as path:
            frame.to_parquet(path, index=False)
    plots = {
        "learning_curves": learning_curves(run.history, outputs),
        "calibration": [
            replace(plot, title=name)
            for name, plots in run.prediction_plots.items()
            for plot in plots
            if plot.title == "calibration"
        ],
    }
    for name, group in plots.items():
        if not group:  # no row is scored
            continue
        with folder.replacing(f"plots/{name}.png") as path:
            write_png(group, path)
    shown = summary(run)  # its intervals may take seconds
    folder.write_text("report.html", page(run, shown))
    folder.write_text("model_card.md", model_card(run, shown))


def epoch_row(epoch: Epoch) -> dict[str, Any]:
    """Returns the row of `history.csv` for one epoch."""
    row: dict[str, Any] = {"epoch": epoch.number}
    row |= {f"loss.{task}": loss for task, loss in epoch.losses.items()}
    for output, scores in epoch.valid.items():
        metrics = metrics_of(scores)
        row |= {f"valid.{output}.{name}": value for name, value in metrics.items()}
    return row | {
        "best": epoch.best,
        "seconds": epoch.seconds,
        "samples_per_second": epoch.samples_per_second,
    }


def prediction_frame(
    tasks: dict[str, Task],
    row_numbers: Array,
    labels: dict[str, Array],
    predictions: dict[str, Array],
) -> pd.DataFrame:
    """Returns one row per row of a table: its number, labels and predictions.

    Rows count from 1, as they do in messages. The label of a multiclass task is the
    name of its class; its prediction is a list of the classes' probabilities.

    Args:
        tasks: the tasks of the run.
        row_numbers: the number of each row in its table, from 0, (rows,).
        labels: {task: (rows,)}.
        predictions: {output: (rows,) or (rows, classes)}.
    """
    columns: dict[str, Any] = {"row": row_numbers + 1}
    for task, values in labels.items():
        columns[task] = tasks[task].label_column(values)
    for output, values in predictions.items():
        columns[f"{output}_prediction"] = values if values.ndim == 1 else list(values)
    return pd.DataFrame(columns)


def learning_curves(history: History, outputs: list[Output]) -> list[LinePlot]:
    """Returns a plot of the losses by epoch, and a plot of the validation metrics.

    The second plot shows each output's first metric, if there are validation rows.
    """
    epochs = history.epochs
    numbers = [epoch.number for epoch in epochs]
    losses = LinePlot("training loss", "epoch", "loss")
    losses.lines = [
        Line(task, numbers, [epoch.losses[task] for epoch in epochs], color)
        for color, task in enumerate(epochs[0].losses)
    ]
    if not epochs[0].valid:
        return [losses]
    metrics = LinePlot("validation", "epoch", "metric", kept_epoch=history.kept_epoch)
    for color, output in enumerate(outputs):
        metric = output.first_metric
        values = [epoch.valid[output.name][metric] for epoch in epochs]
        y = [math.nan if value is None else value for value in values]
        metrics.lines.append(Line(f"{output.name} {metric}", numbers, y, color))
    return [losses, metrics]


def prediction_plots(scored: dict[str, ScoredRows]) -> dict[str, list[LinePlot]]:
    """Returns the plots of each output's predictions; none without scored rows."""
    return {
        name: rows.output.task.plots(rows.label, rows.prediction, rows.weight)
        if len(rows.label)
        else []
        for name, rows in scored.items()
    }
