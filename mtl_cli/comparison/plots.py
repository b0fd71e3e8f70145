"""Draws the plots of a comparison: seeds, trade-offs, learning curves, settings.

A configuration has the same colour in all plots: the colour of its index. An axis, `x`
or `y`, is called as a function: `x(value)` is the position of a value in SVG units.
"""

import statistics
from typing import NamedTuple

from mtl_cli.comparison.configurations import short_key
from mtl_cli.comparison.intervals import Interval, interval_text
from mtl_cli.comparison.results import DatasetComparison, Task
from mtl_cli.comparison.runs import finite_number
from mtl_cli.pages.charts import NUM_COLORS, Axis, Chart, axis_around, color
from mtl_cli.pages.interval_plots import Bar, IntervalPlot
from mtl_cli.pages.line_plots import Line, LinePlot

MAX_CONFIGURATIONS = 30  # the largest number of configurations in one plot
MAX_SETTING_VALUES = 12  # a setting with more values has no chart
MAX_POINT_NAME = 24  # a longer name does not fit beside its point
# Lengths and positions in plots, in SVG units. The small charts are the charts of
# settings. LEFT is the x position of the y axis. TOP and BOTTOM are the y positions of
# the ends of the y axis.
WIDTH = 460
HEIGHT = 344
LEFT = 64
RIGHT_MARGIN = 16
TOP = 30
BOTTOM = 300
SMALL_WIDTH = 300
SMALL_HEIGHT = 248
SMALL_LEFT = 76
SMALL_RIGHT_MARGIN = 20
SMALL_BOTTOM = 190
VALUE_Y = 206  # the first of two lines with the values of a setting
VALUE_LINE_HEIGHT = 16
SETTING_NAME_Y = 240
# The width of a character in a small chart. The text is largest on a wide screen.
CHARACTER_WIDTH = 9.5
# The distances of a point's name from the point.
NAME_X_DISTANCE, NAME_Y_DISTANCE = 10, 8
# The name of a point beyond this share of the width is to the left of the point.
FAR_RIGHT = 0.7
MEAN_RADIUS = 6
SMALL_MEAN_RADIUS = 4


class TradeOffPoint(NamedTuple):
    """A configuration in the plot of two tasks.

    Attributes:
        config_index: the index of the configuration.
        x: the interval of the metric on the first task.
        y: the interval of the metric on the second task.
    """

    config_index: int
    x: Interval
    y: Interval


def plotted_indices(comparison: DatasetComparison) -> range:
    """Returns the indices of the configurations that are plotted."""
    return range(min(len(comparison.configurations), MAX_CONFIGURATIONS))


def interval_plot(comparison: DatasetComparison, task: Task) -> IntervalPlot:
    """Plots one row per configuration: the score of each seed, and their mean.

    A dashed line marks the mean of the baseline.
    """
    bars = []
    reference = None
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
            for seed, value in score.by_seed.items()
        ]
        low, high = score.interval.ends
        bar = Bar(name, text, mean, low, high, color=i, small_dots=dots)
        bars.append(bar)
        if score.configuration is comparison.baseline:
            reference = mean
    return IntervalPlot(task.title, task.metric_title, bars, reference)


def trade_off_chart(comparison: DatasetComparison, first: Task, second: Task) -> Chart:
    """Plots the scores of configurations on two tasks against each other.

    A line joins the configurations on the Pareto front, see `pareto_front`. There is no
    line if one of the metrics has no direction, such as `pcoc`.
    """
    points = trade_off_points(comparison, first, second)
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
        if len(points) <= NUM_COLORS and len(name) <= MAX_POINT_NAME:
            draw_point_name(chart, x(point.x.mean), y(point.y.mean), name)
    return chart


def trade_off_points(
    comparison: DatasetComparison, first: Task, second: Task
) -> list[TradeOffPoint]:
    """Returns the plotted configurations that have scores on both tasks."""
    points = []
    for i in plotted_indices(comparison):
        x, y = first.scores[i].interval, second.scores[i].interval
        if x is not None and y is not None:
            points.append(TradeOffPoint(i, x, y))
    return points


def front_points(
    points: list[TradeOffPoint], x_direction: int, y_direction: int
) -> list[TradeOffPoint]:
    """Returns the points on the Pareto front of their means.

    A direction is 1 if a higher metric is better, -1 if a lower metric is better, and 0
    if neither is. With a direction of 0, no point is on the front.
    """
    if x_direction == 0 or y_direction == 0:
        return []
    gains = [
        (point.x.mean * x_direction, point.y.mean * y_direction) for point in points
    ]
    return [points[i] for i in sorted(pareto_front(gains))]


def pareto_front(points: list[tuple[float, float]]) -> set[int]:
    """Returns the indices of the points that no other point beats; higher is better.

    A point beats another point if it is at least as high in both values, and higher in
    one of them.
    """

    def beats(point: tuple[float, float], other: tuple[float, float]) -> bool:
        is_as_high = point[0] >= other[0] and point[1] >= other[1]
        return is_as_high and point != other

    return {
        i
        for i, point in enumerate(points)
        if not any(beats(other, point) for other in points)
    }


def draw_point(
    chart: Chart, x: Axis, y: Axis, point: TradeOffPoint, name: str, is_on_front: bool
) -> None:
    """Draws a configuration: a dot for its means, and lines for its intervals.

    Without known intervals, for instance for a single seed, there are no lines.
    """
    center_x, center_y = x(point.x.mean), y(point.y.mean)
    css_color = color(point.config_index)
    if point.x.half_width is not None and point.y.half_width is not None:
        left, right = map(x, point.x.ends)
        low, high = map(y, point.y.ends)
        chart.line((left, center_y), (right, center_y), f"whisker {css_color}")
        chart.line((center_x, low), (center_x, high), f"whisker {css_color}")
    front_class = " onfront" if is_on_front else ""
    css_class = f"mean {css_color}{front_class}"
    chart.dot((center_x, center_y), MEAN_RADIUS, css_class, name)


def draw_point_name(chart: Chart, x: float, y: float, name: str) -> None:
    """Draws the name of a point at (x, y), on the side where the chart has space."""
    name_y = y - NAME_Y_DISTANCE
    if x > WIDTH * FAR_RIGHT:
        chart.text((x - NAME_X_DISTANCE, name_y), name, "end")
    else:
        chart.text((x + NAME_X_DISTANCE, name_y), name, "start")


def learning_curves(comparison: DatasetComparison, task: Task) -> Chart | None:
    """Plots the metric on validation rows by epoch, one line per run.

    Only the runs of the first `NUM_COLORS` configurations are plotted.

    Returns: the chart; None if no run has the metric in its `history.csv`.
    """
    column = f"valid.{task.name}.{task.metric}"
    name = f"{task.name_with_space} validation {task.metric_title}"
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
    # The y axis covers these values. The first epochs are left out: they are so much
    # worse than the last epochs that the differences between runs would be too small.
    values = [value for line in lines for value in line.y]
    y_values = without_worst_fifth(values, task.direction)
    return LinePlot(f"{name} by epoch", "epoch", name, lines, y_values).chart()


def without_worst_fifth(values: list[float], direction: int) -> list[float]:
    """Sorts the values of a metric, and leaves out the worst fifth.

    A metric with direction 0 has no worst values, so all values stay.
    """
    ascending = sorted(values)
    fifth = len(values) // 5
    if direction > 0:
        return ascending[fifth:]
    if direction < 0:
        return ascending[: len(values) - fifth]
    return ascending


def setting_chart(comparison: DatasetComparison, key: str, task: Task) -> Chart | None:
    """Plots the means of configurations by their value of one setting.

    A line joins the means over all configurations with the same value of the setting.

    Returns: the chart; None if the setting has a single value, or more than
        `MAX_SETTING_VALUES`.
    """
    # {value of the setting: [(index of a configuration, its mean)]}
    means: dict[str, list[tuple[int, float]]] = {}
    for i in plotted_indices(comparison):
        score = task.scores[i]
        value = score.configuration.settings.get(key)
        if value is not None and score.interval is not None:
            means.setdefault(value, []).append((i, score.interval.mean))
    if not 1 < len(means) <= MAX_SETTING_VALUES:
        return None
    values = numbers_first(list(means))
    x = Axis(0, len(values), SMALL_LEFT, SMALL_WIDTH - SMALL_RIGHT_MARGIN)
    all_means = [mean for pairs in means.values() for _, mean in pairs]
    y = axis_around(all_means, SMALL_BOTTOM, TOP)
    chart = Chart(f"{key} and {task.name_with_space}", SMALL_WIDTH, SMALL_HEIGHT)
    chart.y_axis(x, y, f"{task.name_with_space} {task.metric_title}")
    # The labels alternate between two lines, so a label may be as wide as two values.
    # The last label must also end before the edge of the chart.
    value_width = (x.stop - x.start) / len(values)
    label_width = min(2 * value_width, value_width + 2 * SMALL_RIGHT_MARGIN)
    max_label = int(label_width / CHARACTER_WIDTH)
    trend = []
    for position, value in enumerate(values):
        middle = x(position + 0.5)
        label = value if len(value) <= max_label else f"{value[: max_label - 1]}…"
        label_y = VALUE_Y + VALUE_LINE_HEIGHT * (position % 2)
        chart.text((middle, label_y), label, "middle", "tick")
        trend.append((middle, y(statistics.fmean(mean for _, mean in means[value]))))
        for i, mean in means[value]:
            name = comparison.configurations[i].name
            chart.dot((middle, y(mean)), SMALL_MEAN_RADIUS, f"seed {color(i)}", name)
    chart.path(trend, "trend")
    setting_name = short_key(key, comparison.differing_keys)
    center = (x.start + x.stop) / 2
    chart.text((center, SETTING_NAME_Y), setting_name, "middle", "name")
    return chart


def numbers_first(values: list[str]) -> list[str]:
    """Sorts numbers by size; other texts follow in their old order."""
    numbers: dict[str, float] = {}
    texts = []
    for value in values:
        number = finite_number(value)
        if number is None:
            texts.append(value)
        else:
            numbers[value] = number
    return sorted(numbers, key=numbers.__getitem__) + texts
