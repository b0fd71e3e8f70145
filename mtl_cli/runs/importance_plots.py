"""Plots the importance of features for each task."""

from mtl_cli.pages.interval_plots import Bar, IntervalPlot
from mtl_cli.scoring.importance_records import ImportanceRecord, is_shown_to_matter


def importance_plots(
    records: list[ImportanceRecord], titles: dict[str, str], maximum: int
) -> list[IntervalPlot]:
    """Makes one plot per task of the `maximum` most important features.

    `titles` are {task: title of its plot, such as `click auc`}. A task without measured
    importances has no plot.
    """
    plots = []
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
            plots.append(IntervalPlot(caption, caption, bars, 0.0))
    return plots


def importance_text(record: ImportanceRecord) -> str:
    """Returns `0.1013 ±0.0047 *`: the importance and half the width of its interval.

    The star marks features that are shown to matter.
    """
    half_width = (record["high"] - record["low"]) / 2
    # Two spaces keep the columns aligned.
    star = " *" if is_shown_to_matter(record) else "  "
    return f"{record['importance']:.4f} ±{half_width:.4f}{star}"
