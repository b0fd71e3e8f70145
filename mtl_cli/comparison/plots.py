"""Draws scores by seed, by setting and against each other, and learning curves.

A configuration has the same colour in all plots: the colour of its index. An axis, `x`
or `y`, is called as a function: `x(value)` is the position of a value in SVG units.
"""

from statistics import fmean
from typing import NamedTuple

from mtl_cli.comparison.intervals import Interval, interval_text, mean_text
from mtl_cli.comparison.results import DatasetComparison
from mtl_cli.comparison.runs import finite_number
from mtl_cli.comparison.task import Task
from mtl_cli.pages.charts import NUM_COLORS, Axis, Chart, axis_around, color_class
from mtl_cli.pages.interval_plots import Bar, IntervalPlot
from mtl_cli.pages.line_plots import Line, LinePlot

MAX_CONFIGURATIONS = 30  # the largest number of configurations in one plot
# The size of a trade-off chart in SVG units. The y axis is at LEFT, from BOTTOM to TOP.
WIDTH, HEIGHT = 460, 344
LEFT, RIGHT_MARGIN = 64, 16
TOP, BOTTOM = 30, 300
MEAN_RADIUS = 6


def plotted_indices(comparison: DatasetComparison) -> range:
    return range(min(len(comparison.configurations), MAX_CONFIGURATIONS))


def interval_plot(comparison: DatasetComparison, task: Task) -> IntervalPlot:
    """Plots one row per configuration: the score of each seed, and their mean.

    A dashed line marks the mean of the baseline.
    """
    bars = []
    dot_decimals = max(task.decimals, 6)
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
            (value, f"{name}, seed {seed}: {mean_text(value, dot_decimals, '')}")
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
        text = mean_text(fmean(means), task.decimals, "")
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
            for row in run.history:
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


class TradeOffPoint(NamedTuple):
    """The intervals of a configuration on the first and on the second task."""

    config_index: int
    x: Interval
    y: Interval


def trade_off_chart(comparison: DatasetComparison, first: Task, second: Task) -> Chart:
    """Plots the scores of configurations on two tasks against each other.

    A line joins the configurations on the Pareto front, see `front_points`.
    """
    points = []
    for i in plotted_indices(comparison):
        x_interval, y_interval = first.scores[i].interval, second.scores[i].interval
        if x_interval is not None and y_interval is not None:
            points.append(TradeOffPoint(i, x_interval, y_interval))
    x_ends = [end for point in points for end in point.x.ends]
    y_ends = [end for point in points for end in point.y.ends]
    x = axis_around(x_ends, LEFT, WIDTH - RIGHT_MARGIN)
    y = axis_around(y_ends, BOTTOM, TOP)
    title = f"{first.name_with_space} against {second.name_with_space}"
    chart = Chart(title, WIDTH, HEIGHT)
    chart.x_axis(x, y, f"{first.name_with_space} {first.metric_title}")
    chart.y_axis(x, y, f"{second.name_with_space} {second.metric_title}")
    front = front_points(points, first.direction, second.direction)
    if front:
        means = sorted((point.x.mean, point.y.mean) for point in front)
        chart.path([(x(x_mean), y(y_mean)) for x_mean, y_mean in means], "front")
    for point in points:
        name = comparison.configurations[point.config_index].name
        draw_point(chart, x, y, point, name, is_on_front=point in front)
    return chart


def front_points(
    points: list[TradeOffPoint], x_direction: int, y_direction: int
) -> list[TradeOffPoint]:
    """Returns the points on the Pareto front: the points that no other point beats.

    A point beats another point if its means are at least as good in both metrics, and
    better in one of them. If a metric has no direction, there is no front.
    """
    if x_direction == 0 or y_direction == 0:
        return []

    def beats(point: TradeOffPoint, other: TradeOffPoint) -> bool:
        x_gain = (point.x.mean - other.x.mean) * x_direction
        y_gain = (point.y.mean - other.y.mean) * y_direction
        return min(x_gain, y_gain) >= 0 and max(x_gain, y_gain) > 0

    return [p for p in points if not any(beats(other, p) for other in points)]


def draw_point(
    chart: Chart, x: Axis, y: Axis, point: TradeOffPoint, name: str, is_on_front: bool
) -> None:
    """Draws a configuration: a dot for its means, and lines for its intervals."""
    center_x, center_y = x(point.x.mean), y(point.y.mean)
    css_color = color_class(point.config_index)
    left, right = map(x, point.x.ends)
    low, high = map(y, point.y.ends)
    chart.line((left, center_y), (right, center_y), f"whisker {css_color}")
    chart.line((center_x, low), (center_x, high), f"whisker {css_color}")
    css_class = f"mean {css_color}{' onfront' if is_on_front else ''}"
    chart.dot((center_x, center_y), MEAN_RADIUS, css_class, name)
