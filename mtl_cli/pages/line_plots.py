"""Plots of lines, as SVG for a page. `figures.py` draws the same plots as PNG."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from mtl_cli.pages.charts import Axis, Chart, axis_around, color_class

# Sizes and distances in SVG units.
WIDTH, HEIGHT = 460, 304
LEFT, RIGHT, TOP, BOTTOM = 64, WIDTH - 16, 30, 260  # the ends of the axes
DOT_RADIUS = 3
DOT_MARGIN = 4  # around the axes, so that dots at the ends of the axes are not clipped
# The area to which lines and dots are clipped: x, y, width and height.
WINDOW = (
    LEFT - DOT_MARGIN,
    TOP - DOT_MARGIN,
    RIGHT - LEFT + 2 * DOT_MARGIN,
    BOTTOM - TOP + 2 * DOT_MARGIN,
)


@dataclass(frozen=True)
class Line:
    """A line of a plot.

    A point whose y is not finite is left out. If there are tooltips, one for each
    point, the points are drawn as dots.
    """

    label: str
    x: Sequence[float]
    y: Sequence[float]
    color: int = 0
    tooltips: Sequence[str] = ()


@dataclass(frozen=True)
class LinePlot:
    """A plot of lines.

    Attributes:
        y_values: the values that the y axis must cover; None for the y values of all
            lines.
        kept_epoch: the epoch whose weights were kept, where a vertical line is drawn;
            None if the x axis does not show epochs.
        diagonal: whether the line y = x is drawn.
    """

    title: str
    x_name: str
    y_name: str
    lines: list[Line]
    y_values: Sequence[float] | None = None
    kept_epoch: int | None = None
    diagonal: bool = False

    def legend(self) -> list[tuple[str, str]]:
        return [(color_class(line.color), line.label) for line in self.lines]

    def chart(self) -> Chart:
        """Draws the plot as SVG."""
        all_x = [x for line in self.lines for x in line.x]
        all_y = [y for line in self.lines for y in line.y]
        ticks = None
        if self.x_name == "epoch":  # Epochs are whole numbers from 1.
            x = Axis(1, max([2, *all_x]), LEFT, RIGHT)
            ticks = sorted({round(tick) for tick in x.ticks()} | {1})
        else:
            x = axis_around(all_x, LEFT, RIGHT)
        y_values = all_y if self.y_values is None else self.y_values
        y = axis_around(y_values, BOTTOM, TOP)
        chart = Chart(self.title, WIDTH, HEIGHT, window=WINDOW)
        chart.x_axis(x, y, self.x_name, ticks)
        chart.y_axis(x, y, self.y_name)
        if self.kept_epoch is not None:
            kept_x = x(self.kept_epoch)
            chart.line((kept_x, BOTTOM), (kept_x, TOP), "reference")
        if self.diagonal:
            low, high = min(x.low, y.low), max(x.high, y.high)
            chart.path([(x(low), y(low)), (x(high), y(high))], "reference")
        for line in self.lines:
            draw_line(chart, x, y, line)
        return chart


def draw_line(chart: Chart, x: Axis, y: Axis, line: Line) -> None:
    """Draws a line through its finite points, with dots where there are tooltips."""
    # A line has one tooltip per point, or none.
    tooltips = line.tooltips or [""] * len(line.x)
    css_class = color_class(line.color)
    points = [
        ((x(x_value), y(y_value)), tooltip)
        for x_value, y_value, tooltip in zip(line.x, line.y, tooltips, strict=True)
        if math.isfinite(y_value)
    ]
    for point, tooltip in points:
        # A path through a single point is not visible, so a dot is drawn.
        if tooltip or len(points) == 1:
            chart.dot(point, DOT_RADIUS, f"seed {css_class}", tooltip or line.label)
    if points:
        chart.path([point for point, _ in points], f"curve {css_class}")
