"""Plots of what each feature is worth to each task."""

from typing import Any

from mtl_cli.pages.interval_charts import Bar, IntervalPlot


def importance_plots(
    records: list[dict[str, Any]], titles: dict[str, str], maximum: int
) -> list[IntervalPlot]:
    """Returns one plot per task with importances, the most important features first.

    Args:
        records: the rows `features` of the importance, see `scoring.importance`.
        titles: {task: its name and main metric}.
        maximum: the largest number of features in a plot.
    """
    plots = []
    for task, title in titles.items():
        of_task = [r for r in records if r["task"] == task and r["group"] is None]
        of_task.sort(key=lambda record: -record["importance"])
        bars = [
            Bar(r["features"], importance_text(r), r["importance"], r["low"], r["high"])
            for r in of_task[:maximum]
        ]
        if bars:
            name = f"{title}, worse by, if the values are shuffled"
            plots.append(IntervalPlot(name, name, bars, 0.0))
    return plots


def importance_text(record: dict[str, Any]) -> str:
    """Returns `0.1013 ±0.0047 *`: the importance and half the width of its interval."""
    half = (record["high"] - record["low"]) / 2
    star = " *" if record["low"] > 0 else "  "
    return f"{record['importance']:.4f} ±{half:.4f}{star}"
