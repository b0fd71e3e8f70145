"""Makes the rows of `history.csv`, one per epoch, and plots them."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

from mtl_cli.metrics.score_dict import metrics_of
from mtl_cli.pages.line_plots import Line, LinePlot
from mtl_cli.training.progress import Epoch


def epoch_row(epoch: Epoch) -> dict[str, Any]:
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


def learning_curves(rows: Sequence[dict[str, Any]], kept_epoch: int) -> list[LinePlot]:
    """Plots training losses, validation metrics and the weights of tasks by epoch.

    The plot of validation metrics shows the first metric of each output. `rows` are
    those of `history.csv`, at least one.
    """
    epochs = [row["epoch"] for row in rows]

    def line_of(column: str, label: str, color: int) -> Line:
        y = [math.nan if row[column] is None else row[column] for row in rows]
        return Line(label, epochs, y, color)

    def lines_by_task(prefix: str) -> list[Line]:
        columns = [column for column in rows[0] if column.startswith(prefix)]
        return [
            line_of(column, column.removeprefix(prefix), color)
            for color, column in enumerate(columns)
        ]

    plots = [LinePlot("training loss", "epoch", "loss", lines_by_task("loss."))]
    metric_lines = [
        line_of(f"valid.{output}.{metric}", f"{output} {metric}", color)
        for color, (output, metric) in enumerate(first_metrics(rows[0]).items())
    ]
    if metric_lines:
        plot = LinePlot(
            "validation", "epoch", "metric", metric_lines, kept_epoch=kept_epoch
        )
        plots.append(plot)
    if weight_lines := lines_by_task("weight."):
        plots.append(LinePlot("weights of tasks", "epoch", "weight", weight_lines))
    return plots


def first_metrics(columns: Iterable[str]) -> dict[str, str]:
    """Returns {output: its first metric} in columns of `history.csv`.

    >>> first_metrics(["loss.buy", "valid.buy.auc", "valid.buy.log_loss"])
    {'buy': 'auc'}
    """
    metrics: dict[str, str] = {}
    for column in columns:
        if column.startswith("valid."):
            output, _, metric = column.removeprefix("valid.").rpartition(".")
            metrics.setdefault(output, metric)
    return metrics
