"""Plots of a run: its training by epoch, and the importance of its features."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

from mtl_cli.pages.charts import Chart
from mtl_cli.pages.interval_plots import Bar, IntervalPlot
from mtl_cli.pages.line_plots import Line, LinePlot
from mtl_cli.scoring.importance_records import ImportanceRecord, is_shown_to_matter


def learning_curves(rows: Sequence[dict[str, Any]], kept_epoch: int) -> list[LinePlot]:
    """Plots training losses, validation metrics and the weights of tasks by epoch.

    The plot of validation metrics shows the first metric of each output. `rows` are the
    rows of `history.csv`. Without rows, there are no plots.
    """
    if not rows:
        return []
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


def importance_charts(
    records: list[ImportanceRecord], titles: dict[str, str], maximum: int
) -> list[Chart]:
    """Draws one chart per task of the `maximum` most important features.

    `titles` are {task: title of its chart, such as `click auc`}. A task without
    measured importances has no chart.
    """
    charts = []
    for task, title in titles.items():
        # In a record with a `group`, the feature was shuffled without the other
        # features of the group. The importance in such a record is too low, so it is
        # not plotted.
        task_records = [r for r in records if r["task"] == task and r["group"] is None]
        task_records.sort(key=lambda record: -record["importance"])
        bars = [
            Bar(r["features"], importance_text(r), r["importance"], r["low"], r["high"])
            for r in task_records[:maximum]
        ]
        if bars:
            caption = f"{title}: how much worse if the values are shuffled"
            charts.append(IntervalPlot(caption, caption, bars, 0.0).chart())
    return charts


def importance_text(record: ImportanceRecord) -> str:
    """Returns `0.1013 ±0.0047 *`: the importance and half the width of its interval.

    The star marks features that are shown to matter.
    """
    half_width = (record["high"] - record["low"]) / 2
    # Two spaces keep the columns aligned.
    star = " *" if is_shown_to_matter(record) else "  "
    return f"{record['importance']:.4f} ±{half_width:.4f}{star}"
