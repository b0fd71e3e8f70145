"""Draws a network from its parts: inputs at the bottom, outputs at the top."""

from collections.abc import Sequence
from typing import Protocol

from mtl_cli.pages.charts import Chart, Mark, Point

# In SVG units:
BOX_WIDTH, BOX_HEIGHT = 198, 44
COLUMN_WIDTH, ROW_HEIGHT = 214, 84
SUM_RADIUS = 14
MARGIN = 10


class Part(Protocol):
    """A part of a network, see `network.diagram.Part`."""

    title: str
    note: str
    kind: str
    sources: list[int]


def network_chart(parts: Sequence[Part]) -> Chart:
    """Draws each part as a box, above all parts that it reads."""
    rows = rows_of(parts)
    width = COLUMN_WIDTH * max(len(row) for row in rows) + 2 * MARGIN
    height = ROW_HEIGHT * len(rows)
    chart = Chart("The network, from its inputs to its outputs", width, height)
    places: dict[int, Point] = {}
    for level, row in enumerate(rows):
        # Each part stands near the middle of the parts that it reads.
        sources = {i: [places[s][0] for s in parts[i].sources] for i in row}
        row.sort(key=lambda i: sum(sources[i]) / len(sources[i]) if sources[i] else 0)
        for column, i in enumerate(row):
            x = width / 2 + COLUMN_WIDTH * (column - (len(row) - 1) / 2)
            places[i] = x, height - ROW_HEIGHT * (level + 0.5)
    for i, part in enumerate(parts):
        for source in part.sources:
            draw_line(chart, places[source], places[i], parts[source].kind)
    for i, part in enumerate(parts):
        draw_part(chart, places[i], part)
    return chart


def rows_of(parts: Sequence[Part]) -> list[list[int]]:
    """Returns the indices of the parts in each row, from the inputs up."""
    levels: list[int] = []
    for part in parts:
        below = [levels[source] for source in part.sources]
        levels.append(max(below, default=-1) + 1)
    for i, part in enumerate(parts):
        if part.kind == "output":
            levels[i] = max(levels)
    return [
        [i for i, level in enumerate(levels) if level == row]
        for row in range(max(levels) + 1)
    ]


def draw_line(chart: Chart, start: Point, stop: Point, kind: str) -> None:
    """Draws a curve from the top of a part to the bottom of a higher one."""
    low, high = start[1] - BOX_HEIGHT / 2, stop[1] + BOX_HEIGHT / 2
    middle = (low + high) / 2
    d = f"M{start[0]} {low}C{start[0]} {middle} {stop[0]} {middle} {stop[0]} {high}"
    css_class = "flow dashed" if kind == "gate" else "flow"
    chart.marks.append(Mark("path", {"d": d, "class": css_class}))


def draw_part(chart: Chart, place: Point, part: Part) -> None:
    """Draws a part around its place, and writes its title and sizes into it."""
    x, y = place
    if part.kind == "sum":
        chart.line((x, y - BOX_HEIGHT / 2), (x, y + BOX_HEIGHT / 2), "flow")
        circle = {"cx": x, "cy": y, "r": SUM_RADIUS, "class": "part sum"}
        chart.marks.append(Mark("circle", circle))
        chart.text((x, y + 5), part.title, "middle")
        return
    corner = {"x": x - BOX_WIDTH / 2, "y": y - BOX_HEIGHT / 2, "rx": 8}
    size = {"width": BOX_WIDTH, "height": BOX_HEIGHT, "class": f"part {part.kind}"}
    chart.marks.append(Mark("rect", corner | size, tooltip=part.title))
    title = part.title if len(part.title) <= 27 else f"{part.title[:26]}…"
    chart.text((x, y - 3 if part.note else y + 4), title, "middle", "title")
    if part.note:
        chart.text((x, y + 14), part.note, "middle", "tick")
