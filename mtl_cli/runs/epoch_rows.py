"""The rows of `history.csv`, one per epoch, and their plots."""

import math
from collections.abc import Sequence
from typing import Any

from mtl_cli.metrics.scores import metrics_of
from mtl_cli.pages.line_plots import Line, LinePlot
from mtl_cli.training.progress import Epoch


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


def learning_curves(rows: Sequence[dict[str, Any]], kept_epoch: int) -> list[LinePlot]:
    """Returns a plot of the losses by epoch, and a plot of the validation metrics.

    The second plot shows each output's first metric, if there are validation rows.

    Args:
        rows: the rows of `history.csv`, at least one.
        kept_epoch: the epoch whose weights were kept.
    """
    numbers = [row["epoch"] for row in rows]

    def line(label: str, column: str, color: int) -> Line:
        values = (row[column] for row in rows)
        y = [math.nan if value is None else value for value in values]
        return Line(label, numbers, y, color)

    losses = LinePlot("training loss", "epoch", "loss")
    tasks = [name for name in rows[0] if name.startswith("loss.")]
    losses.lines = [
        line(name.removeprefix("loss."), name, color)
        for color, name in enumerate(tasks)
    ]
    first_metrics: dict[str, str] = {}  # {output: metric}
    for name in rows[0]:
        if name.startswith("valid."):
            output, _, metric = name.removeprefix("valid.").rpartition(".")
            first_metrics.setdefault(output, metric)
    if not first_metrics:
        return [losses]
    metrics = LinePlot("validation", "epoch", "metric", kept_epoch=kept_epoch)
    metrics.lines = [
        line(f"{output} {metric}", f"valid.{output}.{metric}", color)
        for color, (output, metric) in enumerate(first_metrics.items())
    ]
    return [losses, metrics]
