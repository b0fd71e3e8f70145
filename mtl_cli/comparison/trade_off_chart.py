"""Draws the scores of configurations on two tasks against each other.

An axis, `x` or `y`, is called as a function: `x(value)` is the position of a value in
SVG units.
"""

from typing import NamedTuple

from mtl_cli.comparison.intervals import Interval
from mtl_cli.comparison.plots import plotted_indices
from mtl_cli.comparison.results import DatasetComparison
from mtl_cli.comparison.task import Task
from mtl_cli.pages.charts import Axis, Chart, axis_around, color_class

# Lengths and positions in SVG units. The y axis is at LEFT, from BOTTOM to TOP.
WIDTH, HEIGHT = 460, 344
LEFT, RIGHT_MARGIN = 64, 16
TOP, BOTTOM = 30, 300
MEAN_RADIUS = 6


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
