"""Draws a network as boxes and curves: inputs at the bottom, outputs at the top."""

from collections.abc import Sequence
from typing import Protocol

from mtl_cli.pages.charts import Chart, Mark, Point

# In SVG units:
BOX_WIDTH, BOX_HEIGHT = 198, 44
COLUMN_WIDTH, ROW_HEIGHT = 214, 84
SUM_RADIUS = 14
MARGIN = 10

MAX_TITLE_LENGTH = 27  # characters; more do not fit into a box


class Node(Protocol):
    """A node of a network; see `network.diagram.Node`."""

    title: str  # the first line in the box
    sizes: str  # the second line in the box; may be empty
    kind: str  # also the CSS class
    sources: list[int]  # the indices of the nodes whose outputs the node reads


def network_chart(nodes: Sequence[Node]) -> Chart:
    """Draws each node above all nodes that it reads."""
    rows = rows_of(nodes)
    width = COLUMN_WIDTH * max(len(row) for row in rows) + 2 * MARGIN
    height = ROW_HEIGHT * len(rows)
    chart = Chart("The network, from its inputs to its outputs", width, height)
    positions: dict[int, Point] = {}
    for level, row in enumerate(rows):
        # The nodes of a row are sorted by the mean x of the nodes that they read, so
        # that few curves cross.
        source_x = {i: [positions[s][0] for s in nodes[i].sources] for i in row}
        row.sort(
            key=lambda i: sum(source_x[i]) / len(source_x[i]) if source_x[i] else 0
        )
        for column, i in enumerate(row):
            x = width / 2 + COLUMN_WIDTH * (column - (len(row) - 1) / 2)
            positions[i] = x, height - ROW_HEIGHT * (level + 0.5)
    for i, node in enumerate(nodes):
        for source in node.sources:
            draw_curve(chart, positions[source], positions[i], nodes[source].kind)
    for i, node in enumerate(nodes):
        draw_node(chart, positions[i], node)
    return chart


def rows_of(nodes: Sequence[Node]) -> list[list[int]]:
    """Returns the indices of the nodes in each row, from the inputs to the outputs.

    A node is one row above the highest node that it reads. All outputs are in the
    highest row.
    """
    levels: list[int] = []
    for node in nodes:
        source_levels = [levels[source] for source in node.sources]
        levels.append(max(source_levels, default=-1) + 1)
    for i, node in enumerate(nodes):
        if node.kind == "output":
            levels[i] = max(levels)
    return [
        [i for i, level in enumerate(levels) if level == row]
        for row in range(max(levels) + 1)
    ]


def draw_curve(chart: Chart, start: Point, stop: Point, kind: str) -> None:
    """Draws a curve from the top of a node of a kind to the bottom of a higher node."""
    (start_x, start_y), (stop_x, stop_y) = start, stop
    start_y, stop_y = start_y - BOX_HEIGHT / 2, stop_y + BOX_HEIGHT / 2
    middle_y = (start_y + stop_y) / 2
    # A Bézier curve ("C") that is vertical at both ends.
    curve = f"C{start_x} {middle_y} {stop_x} {middle_y} {stop_x} {stop_y}"
    css_class = "flow dashed" if kind == "gate" else "flow"
    outline = f"M{start_x} {start_y}{curve}"
    chart.marks.append(Mark("path", {"d": outline, "class": css_class}))


def draw_node(chart: Chart, position: Point, node: Node) -> None:
    """Draws a node with its title and sizes: a box, or a circle for a sum."""
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
    title = node.title
    if len(title) > MAX_TITLE_LENGTH:
        title = f"{title[: MAX_TITLE_LENGTH - 1]}…"
    chart.text((x, y - 3 if node.sizes else y + 4), title, "middle", "title")
    if node.sizes:
        chart.text((x, y + 14), node.sizes, "middle", "tick")
