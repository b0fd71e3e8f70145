"""Plots of values with intervals, one row each."""

from collections.abc import Sequence
from dataclasses import dataclass

from mtl_cli.pages.charts import Axis, Chart, axis_around, color

WIDTH, ROW_HEIGHT = 460, 34  # in SVG units
TOP, AXIS_HEIGHT = 8, 40
MAX_NAME = 40  # characters of a row's name


@dataclass(frozen=True)
class Bar:
    """A row of a chart.

    Attributes:
        name: the name of the row.
        text: the value and its interval, as text.
        value: the value.
        low: the lower end of the interval; the value if it is unknown.
        high: the upper end of the interval; the value if it is unknown.
    """

    name: str
    text: str
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class IntervalPlot:
    """A plot of values with intervals.

    Attributes:
        title: the heading, and a description for readers who cannot see the picture.
        x_name: the name of the x axis.
        bars: the rows.
        reference: the value of the dashed line; None draws no line.
    """

    title: str
    x_name: str
    bars: Sequence[Bar]
    reference: float | None

    def chart(self) -> Chart:
        """Returns the plot as SVG: each row is a dot on the bar of its interval."""
        bottom = TOP + ROW_HEIGHT * len(self.bars)
        ends = [end for bar in self.bars for end in (bar.low, bar.value, bar.high)]
        if self.reference is not None:
            ends.append(self.reference)
        x, y = axis_around(ends, 12, WIDTH - 12), Axis(0, 1, bottom, TOP)
        chart = Chart(self.title, WIDTH, bottom + AXIS_HEIGHT)
        chart.x_axis(x, y, self.x_name)
        if self.reference is not None:
            line_x = x(self.reference)
            chart.line((line_x, TOP), (line_x, bottom), "reference")
        for row, bar in enumerate(self.bars):
            dots_y = TOP + ROW_HEIGHT * row + 24
            name = bar.name if len(bar.name) <= MAX_NAME else f"{bar.name[:MAX_NAME]}…"
            chart.text((x.start, dots_y - 10), name, css_class="row")
            chart.text((x.stop, dots_y - 10), bar.text, "end", "tick")
            chart.line((x(bar.low), dots_y), (x(bar.high), dots_y), f"bar {color(0)}")
            chart.dot((x(bar.value), dots_y), 4, f"mean {color(0)}", bar.name)
        return chart
