"""Draws a network as boxes and curves: inputs at the bottom, outputs at the top."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import fmean

from mtl_cli.pages.charts import Chart, Mark, Point, cut_label

# Sizes and distances in SVG units.
BOX_WIDTH, BOX_HEIGHT = 198, 44
COLUMN_WIDTH, ROW_HEIGHT = 214, 84
SUM_RADIUS = 14
MARGIN = 10
# From the middle of a node down to the bottom of the letters of its texts.
SUM_TITLE_Y = 5
TITLE_Y = 4  # of a box with a title only
TITLE_ABOVE_SIZES_Y, SIZES_Y = -3, 14  # of a box with a title and sizes

MAX_TITLE_LENGTH = 27  # the number of characters that fit into a box


@dataclass
class Node:
    """A box in the drawing of a network.

    Attributes:
        title: the name of the node, such as `level 1 shared experts`.
        sizes: the sizes of the node, such as `4 networks of 64 → 32`; "" for none.
        kind: `input`, `layer`, `gate`, `sum` (also of a product) or `output`; also the
            CSS class.
        sources: the indices of the nodes that the node reads, in the list of all nodes.
    """

    title: str
    sizes: str = ""
    kind: str = "layer"
    sources: list[int] = field(default_factory=list)


def network_chart(nodes: Sequence[Node]) -> Chart:
    """Returns the chart of a network, with each node above all nodes that it reads."""
    rows = rows_of(nodes)
    width = COLUMN_WIDTH * max(len(row) for row in rows) + 2 * MARGIN
    height = ROW_HEIGHT * len(rows)
    chart = Chart("The network, from its inputs to its outputs", width, height)
    positions: dict[int, Point] = {}
    for level, row in enumerate(rows):
        # Each node is placed near the nodes that it reads, so that few curves cross.
        mean_x = {
            i: fmean([positions[source][0] for source in nodes[i].sources] or [0.0])
            for i in row
        }
        row.sort(key=lambda i: mean_x[i])
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

    A node is one row above the highest node that the node reads. Outputs that no node
    reads are in the highest row. Each node stands in the list after the nodes that it
    reads.
    """
    levels: list[int] = []
    for node in nodes:
        source_levels = [levels[source] for source in node.sources]
        levels.append(max(source_levels, default=-1) + 1)
    read_nodes = {source for node in nodes for source in node.sources}
    for i, node in enumerate(nodes):
        if node.kind == "output" and i not in read_nodes:
            levels[i] = max(levels)
    return [
        [i for i, level in enumerate(levels) if level == row]
        for row in range(max(levels) + 1)
    ]


def draw_curve(chart: Chart, start: Point, stop: Point, kind: str) -> None:
    """Draws a curve from the top of a node to the bottom of a higher node."""
    start_x, stop_x = start[0], stop[0]
    start_y = start[1] - BOX_HEIGHT / 2
    stop_y = stop[1] + BOX_HEIGHT / 2
    middle_y = (start_y + stop_y) / 2
    # A Bézier curve ("C") that is vertical at both ends.
    curve = f"C{start_x} {middle_y} {stop_x} {middle_y} {stop_x} {stop_y}"
    css_class = "flow dashed" if kind == "gate" else "flow"
    outline = f"M{start_x} {start_y}{curve}"
    chart.marks.append(Mark("path", {"d": outline, "class": css_class}))


def draw_node(chart: Chart, position: Point, node: Node) -> None:
    """Draws a node with its title and sizes: a box, or a circle of kind `sum`."""
    x, y = position
    if node.kind == "sum":
        chart.line((x, y - BOX_HEIGHT / 2), (x, y + BOX_HEIGHT / 2), "flow")
        circle = {"cx": x, "cy": y, "r": SUM_RADIUS, "class": "part sum"}
        chart.marks.append(Mark("circle", circle))
        chart.text((x, y + SUM_TITLE_Y), node.title, "middle")
        return
    corner = {"x": x - BOX_WIDTH / 2, "y": y - BOX_HEIGHT / 2, "rx": 8}
    size = {"width": BOX_WIDTH, "height": BOX_HEIGHT, "class": f"part {node.kind}"}
    chart.marks.append(Mark("rect", corner | size, tooltip=node.title))
    title = cut_label(node.title, MAX_TITLE_LENGTH)
    title_y = y + (TITLE_ABOVE_SIZES_Y if node.sizes else TITLE_Y)
    chart.text((x, title_y), title, "middle", "title")
    if node.sizes:
        chart.text((x, y + SIZES_Y), node.sizes, "middle", "tick")
