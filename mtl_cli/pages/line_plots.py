"""Plots of several lines, to be shown in a page as SVG or written as a PNG file."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from mtl_cli.pages.charts import Axis, Chart, axis_around, color

WIDTH, HEIGHT = 460, 304  # in SVG units, also below
LEFT, RIGHT, TOP, BOTTOM = 64, WIDTH - 16, 30, 260  # where the axes begin and end
DOT_MARGIN = 4  # keeps dots on the border whole


@dataclass
class Line:
    """A line of a plot.

    Attributes:
        label: the name in the legend.
        x: the x of each point.
        y: the y of each point; NaN leaves the point out.
        color: the index of the line's colour.
        tooltips: the text that a page shows at each point; each point is then a dot.
    """

    label: str
    x: Sequence[float]
    y: Sequence[float]
    color: int = 0
    tooltips: Sequence[str] = ()


@dataclass
class LinePlot:
    """A plot of lines.

    Attributes:
        title: the heading of the plot.
        x_name: the name of the x axis.
        y_name: the name of the y axis.
        lines: the lines.
        y_values: the values that the y axis must span; None for the y of all lines.
        kept_epoch: the epoch whose weights were kept, marked in the plot; None if the
            x axis does not show epochs.
        diagonal: whether to draw the line y = x.
    """

    title: str
    x_name: str
    y_name: str
    lines: list[Line] = field(default_factory=list)
    y_values: Sequence[float] | None = None
    kept_epoch: int | None = None
    diagonal: bool = False

    def legend(self) -> list[tuple[str, str]]:
        """Returns the stylesheet's class and the label of each line."""
        return [(color(line.color), line.label) for line in self.lines]

    def chart(self) -> Chart:
        """Returns the plot as SVG."""
        every_x = [x for line in self.lines for x in line.x]
        every_y = [y for line in self.lines for y in line.y]
        ticks = None
        if self.x_name == "epoch":
            x = Axis(1, max([2, *every_x]), LEFT, RIGHT)
            ticks = sorted({round(tick) for tick in x.ticks()} | {1})
        else:
            x = axis_around(every_x, LEFT, RIGHT)
        y_values = every_y if self.y_values is None else self.y_values
        y = axis_around(y_values, BOTTOM, TOP)
        chart = Chart(self.title, WIDTH, HEIGHT)
        chart.x_axis(x, y, self.x_name, ticks)
        chart.y_axis(x, y, self.y_name)
        size = (RIGHT - LEFT + 2 * DOT_MARGIN, BOTTOM - TOP + 2 * DOT_MARGIN)
        chart.window = (LEFT - DOT_MARGIN, TOP - DOT_MARGIN, *size)
        if self.kept_epoch is not None:
            kept_x = x(self.kept_epoch)
            chart.line((kept_x, BOTTOM), (kept_x, TOP), "reference")
        if self.diagonal:
            low, high = min(x.low, y.low), max(x.high, y.high)
            chart.path([(x(low), y(low)), (x(high), y(high))], "reference")
        for line in self.lines:
            points = [
                (x(x_value), y(y_value))
                for x_value, y_value in zip(line.x, line.y, strict=True)
                if math.isfinite(y_value)
            ]
            for point, tooltip in zip(points, line.tooltips, strict=False):
                chart.dot(point, 3, f"seed {color(line.color)}", tooltip)
            if len(points) == 1:
                chart.dot(points[0], 3, f"seed {color(line.color)}", line.label)
            if points:
                chart.path(points, f"curve {color(line.color)}")
        return chart
