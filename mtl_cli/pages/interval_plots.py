"""Plots of values with their intervals, as SVG. Each value has a row of its own."""

from collections.abc import Sequence
from dataclasses import dataclass

from mtl_cli.pages.charts import Axis, Chart, axis_around, color_class, cut_label

# Sizes and distances in SVG units.
WIDTH, ROW_HEIGHT = 460, 34
TOP, AXIS_HEIGHT = 8, 40
SIDE_MARGIN = 12  # on the left and the right of the axis
BAR_OFFSET = 24  # from the top of a row to its bar
NAME_OFFSET = 10  # from a bar up to the name of its row
DOT_RADIUS, SMALL_DOT_RADIUS = 4, 3
# The numbers of characters that fit on a phone.
MAX_NAME_LENGTH = 37
MAX_ROW_LENGTH = 50  # of a name together with the text beside the name


@dataclass(frozen=True)
class Bar:
    """A row of the plot: a value and its interval.

    Attributes:
        text: the value and the interval as text, at the right end of the row.
        low: the lower end of the interval; `value` if the interval is not known.
        high: the upper end of the interval; `value` if the interval is not known.
        small_dots: pairs of a further value, such as the score of a seed, and its
            tooltip.
    """

    name: str
    text: str
    value: float
    low: float
    high: float
    color: int = 0
    small_dots: Sequence[tuple[float, str]] = ()


@dataclass(frozen=True)
class IntervalPlot:
    """A plot of values with intervals, and a dashed vertical line at `reference`."""

    title: str
    x_name: str
    bars: Sequence[Bar]
    reference: float | None

    def chart(self) -> Chart:
        """Draws the plot as SVG: a bar for each interval, and a dot for its value."""
        bottom = TOP + ROW_HEIGHT * len(self.bars)
        values = [v for bar in self.bars for v in (bar.low, bar.value, bar.high)]
        values += [value for bar in self.bars for value, _ in bar.small_dots]
        if self.reference is not None:
            values.append(self.reference)
        x = axis_around(values, SIDE_MARGIN, WIDTH - SIDE_MARGIN)
        chart = Chart(self.title, WIDTH, bottom + AXIS_HEIGHT)
        chart.x_axis(x, Axis(0, 1, bottom, TOP), self.x_name)
        if self.reference is not None:
            line_x = x(self.reference)
            chart.line((line_x, TOP), (line_x, bottom), "reference")
        for row, bar in enumerate(self.bars):
            draw_bar(chart, x, TOP + ROW_HEIGHT * row + BAR_OFFSET, bar)
        return chart


def draw_bar(chart: Chart, x: Axis, bar_y: float, bar: Bar) -> None:
    """Draws a row of the plot: name and text above, the bar and its dots at `bar_y`."""
    name_y = bar_y - NAME_OFFSET
    max_length = min(MAX_NAME_LENGTH, max(2, MAX_ROW_LENGTH - len(bar.text)))
    name = cut_label(bar.name, max_length)
    css_class = color_class(bar.color)
    chart.text((x.start, name_y), name, css_class="row")
    chart.text((x.stop, name_y), bar.text, "end", "tick")
    chart.line((x(bar.low), bar_y), (x(bar.high), bar_y), f"bar {css_class}")
    for value, tooltip in bar.small_dots:
        dot = x(value), bar_y
        chart.dot(dot, SMALL_DOT_RADIUS, f"seed {css_class}", tooltip)
    dot = x(bar.value), bar_y
    chart.dot(dot, DOT_RADIUS, f"mean {css_class}", tooltip=bar.name)
