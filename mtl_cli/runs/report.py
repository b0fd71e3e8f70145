"""What a run leaves for people and for pandas: tables, plots, one HTML page."""

import base64
import html
import json
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mtl_cli.config.run_config import Config
from mtl_cli.core.run_folder import RunFolder
from mtl_cli.core.secrets import masked
from mtl_cli.data.load import Data
from mtl_cli.data.table import Array, StoredTable, Table
from mtl_cli.evaluation.scores import Scores
from mtl_cli.metrics.metrics import calibration_buckets
from mtl_cli.runs.score_table import tables
from mtl_cli.tasks.base import Output
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
        folder: of the run.
        config: of the run.
        data: encoded splits.
        history: of training.
        scores: by split.
        predictions: by split and output.
        shown: the split that plots and page are about.
    """
    folder.write_text("history.csv", history_frame(history).to_csv(index=False))
    if "test" in predictions:
        frame = prediction_frame(data, predictions["test"])
        with folder.replacing("predictions.parquet") as path:
            frame.to_parquet(path, index=False)
    outputs = config.outputs
    plots = {
        "learning_curves": learning_curves(history, outputs),
        "calibration": calibration(outputs, data.splits[shown], predictions[shown]),
    }
    images = {}
    for name, figure in plots.items():
        with folder.replacing(f"plots/{name}.png") as path:
            figure.savefig(path, dpi=110)
            images[name] = path.read_bytes()
    folder.write_text("report.html", page(config, outputs, scores, images))


def history_frame(history: History) -> pd.DataFrame:
    """Returns a row an epoch: losses and validation metrics by task, speed."""
    return pd.DataFrame([epoch_row(epoch) for epoch in history.epochs])


def epoch_row(epoch: Epoch) -> dict[str, Any]:
    """Returns an epoch's row of `history.csv`."""
    row: dict[str, Any] = {"epoch": epoch.number}
    row |= {f"loss.{task}": loss for task, loss in epoch.losses.items()}
    for task, found in epoch.valid.items():
        about = ("rows", "positives", "space", "why")
        row |= {f"valid.{task}.{k}": v for k, v in found.items() if k not in about}
    return row | {
        "best": epoch.best,
        "seconds": epoch.seconds,
        "samples_per_second": epoch.samples_per_second,
    }


def prediction_frame(data: Data, predictions: dict[str, Array]) -> pd.DataFrame:
    """Returns the test rows: number in the file, labels, predictions.

    Of a multiclass task a prediction is a list, a probability for each class.
    """
    columns: dict[str, Any] = {"row": data.row_numbers["test"]}
    columns |= data.splits["test"].labels
    for name, p in predictions.items():
        columns[f"{name}_prediction"] = p if p.ndim == 1 else list(p)
    return pd.DataFrame(columns)


def learning_curves(history: History, outputs: list[Output]) -> Figure:
    """Plots training losses, and each task's first validation metric, by epoch."""
    validated = bool(history.epochs[0].valid)
    figure = Figure(figsize=(9, 3.4) if validated else (5, 3.4), layout="constrained")
    axes = figure.subplots(1, 2 if validated else 1, squeeze=False)[0]
    numbers = [epoch.number for epoch in history.epochs]
    for task in history.epochs[0].losses:
        losses = [epoch.losses[task] for epoch in history.epochs]
        axes[0].plot(numbers, losses, marker=".", label=task)
    axes[0].set(title="training loss", xlabel="epoch")
    if validated:
        for output in outputs:
            metric = output.first_metric
            values = [epoch.valid[output.name][metric] for epoch in history.epochs]
            values = [np.nan if value is None else value for value in values]
            label = f"{output.name} {metric}"
            axes[1].plot(numbers, values, marker=".", label=label)
        axes[1].axvline(history.kept, color="gray", linestyle=":", label="kept")
        axes[1].set(title="validation", xlabel="epoch")
    for axis in axes:
        axis.legend(fontsize="small")
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.grid(alpha=0.3)
    return figure


def calibration(
    outputs: list[Output], table: Table | StoredTable, predictions: dict[str, Array]
) -> Figure:
    """Plots mean label against mean prediction, in the buckets of the ECE."""
    figure = Figure(figsize=(3.4 * len(outputs), 3.4), layout="constrained")
    axes = figure.subplots(1, len(outputs), squeeze=False)[0]
    for axis, output in zip(axes, outputs, strict=True):
        weights = table.weights[output.name]
        mine = weights > 0
        y, p, w = table.labels[output.label], predictions[output.name], weights
        y, p, w = (values[mine].astype("float64") for values in (y, p, w))
        if output.kind == "multiclass":  # each class against all others
            y, w = np.eye(p.shape[1])[y.astype("int64")].ravel(), w.repeat(p.shape[1])
            p = p.ravel()
        x, means, _ = calibration_buckets(y, p, w)
        axis.plot(x, means, marker="o")
        axis.plot(x, x, color="gray", linestyle=":")
        axis.set(title=output.name, xlabel="mean prediction", ylabel="mean label")
        axis.grid(alpha=0.3)
    return figure


def page(
    config: Config,
    outputs: list[Output],
    scores: dict[str, Scores],
    images: dict[str, bytes],
) -> str:
    """Returns a self-contained HTML page; all that comes from data is escaped."""
    title = html.escape(f"{config.model.name} on {config.dataset.name}")
    tables = "".join(
        f"<h2>{html.escape(split)}</h2>{score_table(outputs, found)}"
        for split, found in scores.items()
    )
    pictures = "".join(
        f'<img alt="{name}" src="data:image/png;base64,'
        f'{base64.b64encode(image).decode()}">'
        for name, image in images.items()
    )
    settings = masked(config.model_dump(mode="json"))
    style = (
        "body{font-family:system-ui,sans-serif;max-width:60rem;margin:2rem auto;"
        "padding:0 1rem}table{border-collapse:collapse;display:block;overflow-x:auto}"
        "td,th{padding:.3rem .7rem;text-align:right;border-bottom:1px solid #ddd}"
        "td:first-child,th:first-child{text-align:left}img{max-width:100%}"
        "pre{overflow-x:auto;background:#f6f6f6;padding:1rem}"
    )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{title}</title><style>{style}</style><h1>{title}</h1>"
        f"{tables}{pictures}<details><summary>Configuration</summary>"
        f"<pre>{html.escape(json.dumps(settings, indent=2))}</pre></details></html>\n"
    )


def score_table(outputs: list[Output], scores: Scores) -> str:
    """Returns HTML tables with a row an output and a column a metric."""
    return "".join(
        "<table><tr><th>"
        + "<th>".join(map(html.escape, head))
        + "</tr>"
        + "".join(
            "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>"
            for row in rows
        )
        + "</table>"
        for head, *rows in tables(outputs, scores)
    )
