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
from mtl_cli.runs.score_table import score_tables
from mtl_cli.training.progress import Epoch, History


def write(
    folder: RunFolder,
    config: Config,
    data: Data,
    history: History,
    scores: dict[str, Scores],
    predictions: dict[str, dict[str, Array]],
    main_split: str,
) -> None:
    """Writes `history.csv`, `predictions.parquet`, `plots/` and `report.html`.

    Args:
        folder: the run folder.
        config: the run's configuration.
        data: the encoded splits.
        history: the losses and validation scores of each epoch.
        scores: the scores by split.
        predictions: the predictions by split and output.
        main_split: the split whose calibration is plotted.
    """
    rows = [epoch_row(epoch) for epoch in history.epochs]
    folder.write_text("history.csv", pd.DataFrame(rows).to_csv(index=False))
    if "test" in predictions:
        frame = prediction_frame(config, data, predictions["test"])
        with folder.replacing("predictions.parquet") as path:
            frame.to_parquet(path, index=False)
    outputs = config.outputs
    curves = learning_curves(history, outputs)
    reliability = calibration(outputs, data.splits[main_split], predictions[main_split])
    for name, plots in ("learning_curves", curves), ("calibration", reliability):
        with folder.replacing(f"plots/{name}.png") as path:
            write_png(plots, path)
    html = render(
        "run.html",
        title=f"{config.model.name} on {config.dataset.name}",
        scores={split: score_tables(outputs, scores[split]) for split in scores},
        plots={
            "Learning curves": curves,
            f"Calibration on {main_split} rows": reliability,
        },
        settings=json.dumps(mask_secrets(config.model_dump(mode="json")), indent=2),
    )
    folder.write_text("report.html", html)


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
    config: Config, data: Data, predictions: dict[str, Array]
) -> pd.DataFrame:
    """Returns one row per test row: its number in the file, labels and predictions.

    Rows count from 1, as they do in messages. The label of a multiclass task is the
    name of its class; its prediction is a list of the classes' probabilities.
    """
    columns: dict[str, Any] = {"row": data.row_numbers["test"] + 1}
    for task, labels in data.splits["test"].labels.items():
        columns[task] = config.chosen_tasks[task].label_column(labels)
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


def calibration(
    outputs: list[Output], table: Table | StoredTable, predictions: dict[str, Array]
) -> list[LinePlot]:
    """Returns one plot per output: mean label against mean prediction of each bucket.

    The buckets are those of the expected calibration error (ECE).
    """
    plots = []
    for output in outputs:
        weights = table.weights[output.name]
        columns = table.labels[output.label], predictions[output.name], weights
        weighted_rows = (column[weights > 0].astype("float64") for column in columns)
        rows = output.task.calibration_rows(*weighted_rows)
        mean_predictions, mean_labels, _ = calibration_buckets(*rows)
        lines = [Line(output.name, mean_predictions.tolist(), mean_labels.tolist())]
        plots.append(
            LinePlot(output.name, "mean prediction", "mean label", lines, diagonal=True)
        )
    return plots
