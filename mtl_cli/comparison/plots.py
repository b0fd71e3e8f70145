"""Draws scores by seed and by setting, and the learning curves of a comparison.

A configuration has the same colour in all plots: the colour of its index.
"""

from statistics import fmean

from mtl_cli.comparison.intervals import interval_text
from mtl_cli.comparison.results import DatasetComparison
from mtl_cli.comparison.runs import finite_number
from mtl_cli.comparison.task import Task
from mtl_cli.pages.charts import NUM_COLORS, Chart
from mtl_cli.pages.interval_plots import Bar, IntervalPlot
from mtl_cli.pages.line_plots import Line, LinePlot

MAX_CONFIGURATIONS = 30  # the largest number of configurations in one plot


def plotted_indices(comparison: DatasetComparison) -> range:
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


def setting_plot(
    comparison: DatasetComparison, key: str, task: Task
) -> IntervalPlot | None:
    """Plots one row per value of a setting: the mean of its configurations.

    A small dot is the score of a configuration, and a bar covers all of them. Returns
    None if the setting has a single value.
    """
    dots_by_value: dict[str, list[tuple[float, str]]] = {}
    for i in plotted_indices(comparison):
        score = task.scores[i]
        value = score.configuration.settings.get(key)
        if value is not None and score.interval is not None:
            dot = score.interval.mean, score.configuration.name
            dots_by_value.setdefault(value, []).append(dot)
    if len(dots_by_value) < 2:
        return None
    numbers = {value: finite_number(value) for value in dots_by_value}
    bars = []
    # Numbers come first, by size; other values keep their order.
    for value in sorted(numbers, key=lambda v: (numbers[v] is None, numbers[v] or 0.0)):
        dots = dots_by_value[value]
        means = [mean for mean, _ in dots]
        text = f"{fmean(means):,.{task.decimals}f}"
        bar = Bar(value, text, fmean(means), min(means), max(means), small_dots=dots)
        bars.append(bar)
    title = f"{key} and {task.name_with_space}"
    return IntervalPlot(title, task.metric_title, bars, None)


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
    # last epochs of all runs looked the same. So the axis leaves out the worst fifth.
    values = sorted(
        (value for line in lines for value in line.y),
        key=lambda value: task.direction * value,
    )
    y_values = values[len(values) // 5 if task.direction else 0 :]
    return LinePlot(f"{y_name} by epoch", "epoch", y_name, lines, y_values).chart()
