"""Draws a network from its nodes: inputs at the bottom, outputs at the top."""

from collections.abc import Sequence
from typing import Protocol

from mtl_cli.pages.charts import Chart, Mark, Point

# In SVG units:
BOX_WIDTH, BOX_HEIGHT = 198, 44
COLUMN_WIDTH, ROW_HEIGHT = 214, 84
SUM_RADIUS = 14
MARGIN = 10


class Node(Protocol):
    """A node of a network, see `network.diagram.Node`."""

    title: str
    sizes: str
    kind: str
    sources: list[int]


def network_chart(nodes: Sequence[Node]) -> Chart:
    """Draws each node as a box, above all nodes that it reads."""
    rows = rows_of(nodes)
    width = COLUMN_WIDTH * max(len(row) for row in rows) + 2 * MARGIN
    height = ROW_HEIGHT * len(rows)
    chart = Chart("The network, from its inputs to its outputs", width, height)
    positions: dict[int, Point] = {}
    for level, row in enumerate(rows):
        # Each node stands near the middle of the nodes that it reads.
        sources = {i: [positions[s][0] for s in nodes[i].sources] for i in row}
        row.sort(key=lambda i: sum(sources[i]) / len(sources[i]) if sources[i] else 0)
        for column, i in enumerate(row):
            x = width / 2 + COLUMN_WIDTH * (column - (len(row) - 1) / 2)
            positions[i] = x, height - ROW_HEIGHT * (level + 0.5)
    for i, node in enumerate(nodes):
        for source in node.sources:
            draw_line(chart, positions[source], positions[i], nodes[source].kind)
    for i, node in enumerate(nodes):
        draw_node(chart, positions[i], node)
    return chart


def rows_of(nodes: Sequence[Node]) -> list[list[int]]:
    """Returns the indices of the nodes in each row, from the inputs up."""
    levels: list[int] = []
    for node in nodes:
        below = [levels[source] for source in node.sources]
        levels.append(max(below, default=-1) + 1)
    for i, node in enumerate(nodes):
        if node.kind == "output":
            levels[i] = max(levels)
    return [
        [i for i, level in enumerate(levels) if level == row]
        for row in range(max(levels) + 1)
    ]


def draw_line(chart: Chart, start: Point, stop: Point, kind: str) -> None:
    """Draws a curve from the top of a node to the bottom of a higher one."""
    low, high = start[1] - BOX_HEIGHT / 2, stop[1] + BOX_HEIGHT / 2
    middle = (low + high) / 2
    d = f"M{start[0]} {low}C{start[0]} {middle} {stop[0]} {middle} {stop[0]} {high}"
    css_class = "flow dashed" if kind == "gate" else "flow"
    chart.marks.append(Mark("path", {"d": d, "class": css_class}))


def draw_node(chart: Chart, position: Point, node: Node) -> None:
    """Draws a node around its position, and writes its title and sizes into it."""
    x, y = position
    if node.kind == "sum":
        chart.line((x, y - BOX_HEIGHT / 2), (x, y + BOX_HEIGHT / 2), "flow")
        circle = {"cx": x, "cy": y, "r": SUM_RADIUS, "class": "part sum"}
        chart.marks.append(Mark("circle", circle))
        chart.text((x, y + 5), node.title, "middle")
        return
    corner = {"x": x - BOX_WIDTH / 2, "y": y - BOX_HEIGHT / 2, "rx": 8}
    size = {"width": BOX_WIDTH, "height": BOX_HEIGHT, "class": f"part {node.kind}"}
    chart.marks.append(Mark("rect", corner | size, tooltip=node.title))
    title = node.title if len(node.title) <= 27 else f"{node.title[:26]}…"
    chart.text((x, y - 3 if node.sizes else y + 4), title, "middle", "title")
    if node.sizes:
        chart.text((x, y + 14), node.sizes, "middle", "tick")
