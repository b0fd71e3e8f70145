"""Charts of values with intervals, one row each."""

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


def interval_chart(
    title: str, x_name: str, bars: Sequence[Bar], reference: float
) -> Chart:
    """Returns a chart with one row per value: a dot on the bar of its interval.

    Args:
        title: a description for readers who cannot see the picture.
        x_name: the name of the x axis.
        bars: the rows.
        reference: the value of the dashed line.
    """
    bottom = TOP + ROW_HEIGHT * len(bars)
    ends = [end for bar in bars for end in (bar.low, bar.value, bar.high)]
    x, y = axis_around([reference, *ends], 12, WIDTH - 12), Axis(0, 1, bottom, TOP)
    chart = Chart(title, WIDTH, bottom + AXIS_HEIGHT)
    chart.x_axis(x, y, x_name)
    chart.line((x(reference), TOP), (x(reference), bottom), "reference")
    for row, bar in enumerate(bars):
        dots_y = TOP + ROW_HEIGHT * row + 24
        name = bar.name if len(bar.name) <= MAX_NAME else f"{bar.name[:MAX_NAME]}…"
        chart.text((x.start, dots_y - 10), name, css_class="row")
        chart.text((x.stop, dots_y - 10), bar.text, "end", "tick")
        chart.line((x(bar.low), dots_y), (x(bar.high), dots_y), f"bar {color(0)}")
        chart.dot((x(bar.value), dots_y), 4, f"mean {color(0)}", bar.name)
    return chart
