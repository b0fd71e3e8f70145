"""Charts as SVG: this module computes positions, `charts.html` writes the markup.

A series is one line, or one configuration of a comparison. The first eight series have
colours of their own: the CSS classes `c0` to `c7`. All further series have the class
`cx`.

Positions are in SVG units. x grows to the right, and y grows downwards.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from mtl_cli.core.secrets import mask_secrets

NUM_TICKS = 4  # the approximate number of ticks per axis
NUM_COLORS = 8
# Distances of the texts of an axis, in SVG units.
X_TICK_DISTANCE = 16  # from the x axis down to the tick labels
X_NAME_DISTANCE = 34  # from the x axis down to the axis name
Y_TICK_DISTANCE = 6  # from the y axis to the tick labels on the left
Y_NAME_DISTANCE = 12  # from the top of the y axis up to the axis name
# Moving a text down by this distance puts the middle of its letters, instead of their
# bottom, at a position.
HALF_TEXT_HEIGHT = 4
Point = tuple[float, float]  # x and y in SVG units


def color_class(index: int) -> str:
    return f"c{index}" if index < NUM_COLORS else "cx"


def cut_label(text: str, max_length: int) -> str:
    """Masks secrets in a text, and cuts it if it is longer than `max_length`.

    "…" is the last character of a cut text. After the cut, a half of a secret would not
    be recognised as a secret.
    """
    text = mask_secrets(text)
    return text if len(text) <= max_length else f"{text[: max_length - 1]}…"


@dataclass(frozen=True)
class Axis:
    """Maps the values from `low` to `high` to the positions from `start` to `stop`.

    On a y axis `stop` is less than `start`, since positions grow downwards.
    """

    low: float
    high: float
    start: float
    stop: float

    def __call__(self, value: float) -> float:
        """Returns the position of a value, rounded to a tenth."""
        span = (self.high - self.low) or 1.0  # no division by 0 if both are equal
        fraction = (value - self.low) / span
        return round(self.start + fraction * (self.stop - self.start), 1)

    def ticks(self) -> list[float]:
        """Returns about `NUM_TICKS` round values between low and high."""
        span = (self.high - self.low) or 1.0
        # The step is 1, 2, 5 or 10 times a power of ten: the smallest step that gives
        # few enough ticks.
        power = 10 ** math.floor(math.log10(span / NUM_TICKS))
        steps = [power, power * 2, power * 5, power * 10]
        step = next(s for s in steps if s == steps[-1] or span / s <= NUM_TICKS + 1)
        # Without the margin of 1e-9, rounding errors could remove a tick at `low` or
        # `high`.
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [i * step for i in range(first, last + 1)]


def axis_around(values: Iterable[float], start: float, stop: float) -> Axis:
    """Returns an axis that covers all finite values, with a small margin."""
    finite = [value for value in values if math.isfinite(value)] or [0.0, 1.0]
    low, high = min(finite), max(finite)
    # Values that hardly differ, too, get an axis with several ticks.
    largest = max(abs(low), abs(high))
    margin = max((high - low) * 0.06, largest * 1e-4) or 1.0
    return Axis(low - margin, high + margin, start, stop)


def tick_text(value: float) -> str:
    """Returns the label of a tick, with digits enough to distinguish the ticks."""
    return f"{value:,.7g}"


@dataclass(frozen=True)
class Mark:
    """An SVG element, with the text inside it and the text that the mouse shows."""

    tag: str
    attributes: dict[str, object]
    text: object = ""
    tooltip: str = ""


@dataclass
class Chart:
    """A chart, as SVG elements. The methods add elements to the chart.

    Attributes:
        label: a description for readers who cannot see the chart.
        marks: the elements that are not clipped. Later elements cover earlier elements.
        window: the area to which paths and dots are clipped: its x, y, width and
            height. None does not clip them.
        clipped: the elements that are clipped to the window, drawn after all `marks`.
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
        """Draws a text with its start, middle or end, see `anchor`, at the point."""
        x, y = point
        attributes = {"x": x, "y": y, "text-anchor": anchor, "class": css_class}
        self.marks.append(Mark("text", attributes, text))

    def line(self, start: Point, stop: Point, css_class: str) -> None:
        (x1, y1), (x2, y2) = start, stop
        ends = {"x1": x1, "y1": y1, "x2": x2, "y2": y2, "class": css_class}
        self.marks.append(Mark("line", ends))

    def path(self, points: Sequence[Point], css_class: str) -> None:
        """Draws a line through points, clipped to the window if there is one."""
        marks = self.marks if self.window is None else self.clipped
        # "M" moves the pen to the first point; "L" draws a line to the next point.
        coordinates = "L".join(f"{x} {y}" for x, y in points)
        marks.append(Mark("path", {"d": f"M{coordinates}", "class": css_class}))

    def dot(self, point: Point, radius: float, css_class: str, tooltip: str) -> None:
        """Draws a dot, clipped to the window if there is one."""
        marks = self.marks if self.window is None else self.clipped
        circle = {"cx": point[0], "cy": point[1], "r": radius, "class": css_class}
        marks.append(Mark("circle", circle, tooltip=tooltip))

    def x_axis(
        self, x: Axis, y: Axis, name: str, ticks: Sequence[float] | None = None
    ) -> None:
        """Draws the ticks, the grid lines and the name of an x axis."""
        ticks = x.ticks() if ticks is None else ticks
        for tick in ticks:
            self.line((x(tick), y.start), (x(tick), y.stop), "grid")
            point = x(tick), y.start + X_TICK_DISTANCE
            self.text(point, tick_text(tick), "middle", "tick")
        middle = (x.start + x.stop) / 2
        self.text((middle, y.start + X_NAME_DISTANCE), name, "middle", "name")

    def y_axis(self, x: Axis, y: Axis, name: str) -> None:
        """Draws the ticks, the grid lines and the name of a y axis."""
        ticks = y.ticks()
        for tick in ticks:
            self.line((x.start, y(tick)), (x.stop, y(tick)), "grid")
            point = x.start - Y_TICK_DISTANCE, y(tick) + HALF_TEXT_HEIGHT
            self.text(point, tick_text(tick), "end", "tick")
        self.text((0, y.stop - Y_NAME_DISTANCE), name, "start", "name")
