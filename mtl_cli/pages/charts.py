"""Charts as SVG: Python computes positions, `charts.html` writes the markup.

Colours and fonts come from the stylesheet: the classes `c0` to `c7` are the colours of
the first eight series (configurations or lines), `cx` is the colour of all further
series.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

NUM_TICKS = 4  # per axis, roughly
NUM_COLORS = 8
Point = tuple[float, float]


def color(index: int) -> str:
    """Returns the class of a series' colour."""
    return f"c{index}" if index < NUM_COLORS else "cx"


@dataclass
class Axis:
    """Maps values to positions in SVG units. They grow to the right and downwards.

    Attributes:
        low: the value at position `start`.
        high: the value at position `stop`.
        start: the position of `low`.
        stop: the position of `high`.
    """

    low: float
    high: float
    start: float
    stop: float

    def __call__(self, value: float) -> float:
        """Returns the position of a value, rounded to a tenth."""
        share = (value - self.low) / ((self.high - self.low) or 1.0)
        return round(self.start + share * (self.stop - self.start), 1)

    def ticks(self) -> list[float]:
        """Returns round values between low and high."""
        span = (self.high - self.low) or 1.0
        step = 10 ** math.floor(math.log10(span / NUM_TICKS))
        step *= next((m for m in (1, 2, 5) if span / (step * m) <= NUM_TICKS + 1), 10)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [i * step for i in range(first, last + 1)]


def axis_around(values: Iterable[float], start: float, stop: float) -> Axis:
    """Returns an axis that holds all finite values, with a small margin."""
    finite = [value for value in values if math.isfinite(value)] or [0.0, 1.0]
    low, high = min(finite), max(finite)
    margin = (high - low) * 0.06 or abs(high) * 0.01 or 1.0
    return Axis(low - margin, high + margin, start, stop)


def tick_text(value: float, ticks: Sequence[float]) -> str:
    """Returns the label of a tick, with enough decimals for ticks to differ."""
    step = abs(ticks[1] - ticks[0]) if len(ticks) > 1 else abs(value) or 1.0
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    return f"{value:,.{decimals}f}"


@dataclass(frozen=True)
class Mark:
    """An SVG element.

    Attributes:
        tag: the element's name.
        attributes: the element's attributes.
        text: the text inside.
        tooltip: the text that a page shows when the element is pointed at.
    """

    tag: str
    attributes: dict[str, object]
    text: object = ""
    tooltip: str = ""


@dataclass
class Chart:
    """A picture, drawn mark by mark.

    Attributes:
        label: a description for readers who cannot see the picture.
        width: the width in SVG units; a page scales the chart to the space it has.
        height: the height in SVG units.
        marks: the marks outside the window; later marks cover earlier ones.
        window: x, y, width and height of the area to which paths and dots are clipped;
            None if they are not clipped.
        clipped: the marks inside the window; they cover all other marks.
    """

    label: str
    width: float
    height: float
    marks: list[Mark] = field(default_factory=list)
    window: tuple[float, float, float, float] | None = None
    clipped: list[Mark] = field(default_factory=list)

    def text(
        self, point: Point, text: object, anchor: str = "start", css_class: str = ""
    ) -> None:
        """Writes a text whose start, middle or end is at a point."""
        x, y = point
        attributes = {"x": x, "y": y, "text-anchor": anchor, "class": css_class}
        self.marks.append(Mark("text", attributes, text))

    def line(self, start: Point, stop: Point, css_class: str) -> None:
        """Draws a straight line."""
        (x1, y1), (x2, y2) = start, stop
        ends = {"x1": x1, "y1": y1, "x2": x2, "y2": y2, "class": css_class}
        self.marks.append(Mark("line", ends))

    def path(self, points: Sequence[Point], css_class: str) -> None:
        """Draws a line through points, inside the window if there is one."""
        marks = self.marks if self.window is None else self.clipped
        d = "L".join(f"{x} {y}" for x, y in points)
        marks.append(Mark("path", {"d": f"M{d}", "class": css_class}))

    def dot(
        self, point: Point, radius: float, css_class: str, tooltip: str = ""
    ) -> None:
        """Draws a dot, inside the window if there is one."""
        marks = self.marks if self.window is None else self.clipped
        circle = {"cx": point[0], "cy": point[1], "r": radius, "class": css_class}
        marks.append(Mark("circle", circle, tooltip=tooltip))

    def x_axis(
        self, x: Axis, y: Axis, name: str, ticks: Sequence[float] | None = None
    ) -> None:
        """Draws the ticks and grid lines of an x axis, and its name below.

        Args:
            x: the axis to draw.
            y: the y axis. The grid lines span this axis.
            name: the name of the axis.
            ticks: the values to mark; None for round values.
        """
        ticks = x.ticks() if ticks is None else ticks
        for tick in ticks:
            self.line((x(tick), y.start), (x(tick), y.stop), "grid")
            point = x(tick), y.start + 16
            self.text(point, tick_text(tick, ticks), "middle", "tick")
        self.text(((x.start + x.stop) / 2, y.start + 34), name, "middle", "name")

    def y_axis(self, x: Axis, y: Axis, name: str) -> None:
        """Draws the ticks and grid lines of a y axis, and its name above."""
        ticks = y.ticks()
        for tick in ticks:
            self.line((x.start, y(tick)), (x.stop, y(tick)), "grid")
            self.text((x.start - 6, y(tick) + 4), tick_text(tick, ticks), "end", "tick")
        self.text((0, y.stop - 12), name, "start", "name")
