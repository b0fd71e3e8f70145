"""Writes the tables, the plots and the HTML page of a run."""

import json
import math
from typing import Any

import pandas as pd

from mtl_cli.config.run_config import Config
from mtl_cli.core.run_folder import RunFolder
from mtl_cli.core.secrets import mask_secrets
from mtl_cli.data.load import Data
from mtl_cli.data.table import Array, StoredTable, Table
from mtl_cli.heads.base import Output
from mtl_cli.metrics.calibration import calibration_buckets
from mtl_cli.metrics.scores import Scores, metrics_of
from mtl_cli.pages.line_plots import Line, LinePlot
from mtl_cli.pages.png import write_png
from mtl_cli.pages.render import render
from mtl_cli.runs.score_table import tables
from mtl_cli.training.progress import Epoch, History


def write(
    folder: RunFolder,
    config: Config,
    data: Data,
    history: History,
    scores: dict[str, Scores],
    predictions: dict[str, dict[str, Array]],
    shown: str,
) -> None:
    """Writes `history.csv`, `predictions.parquet`, `plots/` and `report.html`.

    Args:
        folder: the run folder.
        config: the run's configuration.
        data: the encoded splits.
        history: the history of the training.
        scores: the scores by split.
        predictions: the predictions by split and output.
        shown: the split whose calibration is plotted.
    """
    rows = [epoch_row(epoch) for epoch in history.epochs]
    folder.write_text("history.csv", pd.DataFrame(rows).to_csv(index=False))
    if "test" in predictions:
        frame = prediction_frame(data, predictions["test"])
        with folder.replacing("predictions.parquet") as path:
            frame.to_parquet(path, index=False)
    outputs = config.outputs
    table = data.splits[shown]
    plots = {
        "learning_curves": learning_curves(history, outputs),
        "calibration": calibration(outputs, table, predictions[shown]),
    }
    for name, line_plots in plots.items():
        with folder.replacing(f"plots/{name}.png") as path:
            write_png(line_plots, path)
    folder.write_text("report.html", page(config, scores, plots, shown))


def page(
    config: Config,
    scores: dict[str, Scores],
    plots: dict[str, list[LinePlot]],
    shown: str,
) -> str:
    """Returns the HTML page of a run."""
    return render(
        "run.html",
        title=f"{config.model.name} on {config.dataset.name}",
        scores={split: tables(config.outputs, scores[split]) for split in scores},
        plots={
            "Learning curves": plots["learning_curves"],
            f"Calibration on {shown} rows": plots["calibration"],
        },
        settings=json.dumps(mask_secrets(config.model_dump(mode="json")), indent=2),
    )


def epoch_row(epoch: Epoch) -> dict[str, Any]:
    """Returns the row of `history.csv` for one epoch."""
    row: dict[str, Any] = {"epoch": epoch.number}
    row |= {f"loss.{task}": loss for task, loss in epoch.losses.items()}
    for task, score in epoch.valid.items():
        row |= {
            f"valid.{task}.{name}": value for name, value in metrics_of(score).items()
        }
    return row | {
        "best": epoch.best,
        "seconds": epoch.seconds,
        "samples_per_second": epoch.samples_per_second,
    }


def prediction_frame(data: Data, predictions: dict[str, Array]) -> pd.DataFrame:
    """Returns the test rows: number in the file, labels, predictions.

    A prediction of a multiclass task is a list with the probability of each class.
    """
    columns: dict[str, Any] = {"row": data.row_numbers["test"]}
    columns |= data.splits["test"].labels
    for name, p in predictions.items():
        columns[f"{name}_prediction"] = p if p.ndim == 1 else list(p)
    return pd.DataFrame(columns)


def learning_curves(history: History, outputs: list[Output]) -> list[LinePlot]:
    """Plots training losses, and each task's first validation metric, by epoch."""
    epochs = history.epochs
    numbers = [epoch.number for epoch in epochs]
    losses = LinePlot("training loss", "epoch", "loss")
    losses.lines = [
        Line(task, numbers, [epoch.losses[task] for epoch in epochs], i)
        for i, task in enumerate(epochs[0].losses)
    ]
    if not epochs[0].valid:
        return [losses]
    metrics = LinePlot("validation", "epoch", "metric", kept_epoch=history.kept_epoch)
    for i, output in enumerate(outputs):
        name = output.first_metric
        values = [epoch.valid[output.name][name] for epoch in epochs]
        defined = [math.nan if value is None else value for value in values]
        metrics.lines.append(Line(f"{output.name} {name}", numbers, defined, i))
    return [losses, metrics]


def calibration(
    outputs: list[Output], table: Table | StoredTable, predictions: dict[str, Array]
) -> list[LinePlot]:
    """Plots mean label against mean prediction, in the buckets of the ECE."""
    plots = []
    for output in outputs:
        weights = table.weights[output.name]
        counts = weights > 0
        y, p, w = table.labels[output.label], predictions[output.name], weights
        y, p, w = (values[counts].astype("float64") for values in (y, p, w))
        rows = output.task.calibration_rows(y, p, w)
        x, means, _ = calibration_buckets(*rows)
        lines = [Line(output.name, x.tolist(), means.tolist())]
        plots.append(
            LinePlot(output.name, "mean prediction", "mean label", lines, diagonal=True)
        )
    return plots
