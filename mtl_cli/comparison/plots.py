"""Draws the scores of seeds and the learning curves of a comparison.

A configuration has the same colour in all plots: the colour of its index.
"""

from mtl_cli.comparison.intervals import interval_text
from mtl_cli.comparison.results import DatasetComparison
from mtl_cli.comparison.runs import finite_number
from mtl_cli.comparison.task import Task
from mtl_cli.pages.charts import NUM_COLORS, Chart
from mtl_cli.pages.interval_plots import Bar, IntervalPlot
from mtl_cli.pages.line_plots import Line, LinePlot

MAX_CONFIGURATIONS = 30  # the largest number of configurations in one plot


def plotted_indices(comparison: DatasetComparison) -> range:
    """Returns the indices of the configurations that are plotted."""
    return range(min(len(comparison.configurations), MAX_CONFIGURATIONS))


def interval_plot(comparison: DatasetComparison, task: Task) -> IntervalPlot:
    """Plots one row per configuration: the score of each seed, and their mean.

    A dashed line marks the mean of the baseline.
    """
    bars = []
    baseline_mean = None
    for i in plotted_indices(comparison):
        score = task.scores[i]
        if score.interval is None:
            continue
        mean = score.interval.mean
        name = score.configuration.name
        star = " ★" if score is task.best else ""
        text = f"{interval_text(score.interval, task.decimals)}{star}"
        dots = [
            (value, f"{name}, seed {seed}: {value:.6f}")
            for seed, value in score.by_replicate.items()
        ]
        low, high = score.interval.ends
        bar = Bar(name, text, mean, low, high, color=i, small_dots=dots)
        bars.append(bar)
        if score.configuration is comparison.baseline:
            baseline_mean = mean
    return IntervalPlot(task.title, task.metric_title, bars, baseline_mean)


def learning_curves(comparison: DatasetComparison, task: Task) -> Chart | None:
    """Plots the metric on validation rows by epoch, one line per run.

    Only the runs of the first `NUM_COLORS` configurations are plotted.

    Returns: the chart; None if no run has the metric in its `history.csv`.
    """
    column = f"valid.{task.name}.{task.metric}"
    y_name = f"{task.name_with_space} validation {task.metric_title}"
    lines = []
    for i, configuration in enumerate(comparison.configurations[:NUM_COLORS]):
        for seed, run in sorted(configuration.runs.items()):
            points = []
            for row in run.read_history():
                epoch = finite_number(row.get("epoch"))
                value = finite_number(row.get(column))
                if epoch is not None and value is not None:
                    points.append((epoch, value))
            if points:
                x, y = zip(*points, strict=True)
                lines.append(Line(f"{configuration.name}, seed {seed}", x, y, i))
    if not lines:
        return None
    # The worst values, of the first epochs, would stretch the y axis so far that the
    # last epochs of all runs looked the same. So the axis does not cover them.
    values = [value for line in lines for value in line.y]
    y_values = without_worst_fifth(values, task.direction)
    return LinePlot(f"{y_name} by epoch", "epoch", y_name, lines, y_values).chart()


def without_worst_fifth(values: list[float], direction: int) -> list[float]:
    """Returns the values of a metric without the worst fifth.

    A metric with direction 0 has no worst values, so all values stay.
    """
    worst_first = sorted(values, key=lambda value: direction * value)
    return worst_first[len(values) // 5 if direction else 0 :]
