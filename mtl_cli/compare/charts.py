"""Charts as SVG: coordinates in, markup out. Colours and fonts are the page's CSS."""

import html
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

TICKS = 4


def escape(value: object) -> str:
    """Returns a text that is safe in markup and attributes."""
    return html.escape(str(value), quote=True)


@dataclass
class Axis:
    """Maps values to positions.

    Attributes:
        low: value at `start`.
        high: value at `stop`.
        start: position.
        stop: position.
    """

    low: float
    high: float
    start: float
    stop: float

    def __call__(self, value: float) -> float:
        """Returns the position of a value, to a tenth."""
        share = (value - self.low) / ((self.high - self.low) or 1.0)
        return round(self.start + share * (self.stop - self.start), 1)

    def ticks(self) -> list[float]:
        """Returns round values between low and high."""
        span = (self.high - self.low) or 1.0
        step = 10 ** math.floor(math.log10(span / TICKS))
        step *= next((m for m in (1, 2, 5) if span / (step * m) <= TICKS + 1), 10)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [i * step for i in range(first, last + 1)]


def axis(values: Iterable[float], start: float, stop: float) -> Axis:
    """Returns an axis that holds all values, with a little room."""
    every = [value for value in values if math.isfinite(value)] or [0.0, 1.0]
    low, high = min(every), max(every)
    room = (high - low) * 0.06 or abs(high) * 0.01 or 1.0
    return Axis(low - room, high + room, start, stop)


def tick_text(value: float, ticks: Sequence[float]) -> str:
    """Returns a tick's label, with the decimals that its neighbours need."""
    step = abs(ticks[1] - ticks[0]) if len(ticks) > 1 else abs(value) or 1.0
    places = max(0, -math.floor(math.log10(step) + 1e-9))
    return f"{value:,.{places}f}"


@dataclass
class Chart:
    """An SVG picture that is put together piece by piece.

    Attributes:
        width: of its coordinates; on a page it is as wide as there is room.
        height: likewise.
        label: what it shows, for those who cannot see it.
        parts: markup.
        closing: of what a window has opened.
    """

    width: float
    height: float
    label: str
    parts: list[str] = field(default_factory=list)
    closing: str = ""

    def window(self, x: float, y: float, width: float, height: float) -> None:
        """Shows of all that follows only what lies inside a rectangle."""
        self.parts.append(
            f'<svg x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" '
            f'viewBox="{x:g} {y:g} {width:g} {height:g}" class="window">'
        )
        self.closing = "</svg>"

    def text(
        self, x: float, y: float, words: object, anchor: str = "start", kind: str = ""
    ) -> None:
        """Writes words at a point: their start, middle or end."""
        self.parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" class="{kind}">'
            f"{escape(words)}</text>"
        )

    def line(
        self, start: tuple[float, float], stop: tuple[float, float], kind: str
    ) -> None:
        """Draws a straight line."""
        self.parts.append(
            f'<line x1="{start[0]:.1f}" y1="{start[1]:.1f}" x2="{stop[0]:.1f}" '
            f'y2="{stop[1]:.1f}" class="{kind}"/>'
        )

    def path(self, points: Sequence[tuple[float, float]], kind: str) -> None:
        """Draws a line through points."""
        d = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
        self.parts.append(f'<path d="M{d}" class="{kind}"/>')

    def dot(
        self, x: float, y: float, radius: float, kind: str, title: object = ""
    ) -> None:
        """Draws a dot, with a title that shows when pointed at."""
        self.parts.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" class="{kind}">'
            f"<title>{escape(title)}</title></circle>"
        )

    def x_axis(self, x: Axis, y: float, top: float, words: str = "") -> None:
        """Draws ticks, a grid and a name below."""
        ticks = x.ticks()
        for tick in ticks:
            self.line((x(tick), y), (x(tick), top), "grid")
            self.text(x(tick), y + 16, tick_text(tick, ticks), "middle", "tick")
        self.text((x.start + x.stop) / 2, y + 34, words, "middle", "name")

    def y_axis(self, y: Axis, x: float, right: float, words: str = "") -> None:
        """Draws ticks, a grid and a name above."""
        ticks = y.ticks()
        for tick in ticks:
            self.line((x, y(tick)), (right, y(tick)), "grid")
            self.text(x - 6, y(tick) + 4, tick_text(tick, ticks), "end", "tick")
        self.text(0, min(y.start, y.stop) - 12, words, "start", "name")

    def svg(self) -> str:
        """Returns the markup."""
        return (
            f'<svg viewBox="0 0 {self.width:g} {self.height:g}" role="img" '
            f'style="max-width:{self.width * 1.2:g}px" '
            f'aria-label="{escape(self.label)}">'
            f"{''.join(self.parts)}{self.closing}</svg>"
        )
