"""Draws the networks of the models as SVG, with the sizes of their config files.

The colours are translucent and the text takes the colour of the page, so that a drawing
can be read on a light and on a dark page.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

CONF = Path(__file__).resolve().parents[1] / "conf" / "model"
WIDTH = 640
BOX_HEIGHT = 30
STYLE = """
.net text { fill: currentColor; font: 13px sans-serif; text-anchor: middle; }
.net .small { font-size: 11px; opacity: .75; }
.net rect, .net circle, .net polygon { stroke-width: 1.5; }
.net .shared { fill: #5c8df62e; stroke: #5c8df6; }
.net .task-a { fill: #f08a2433; stroke: #f08a24; }
.net .task-b { fill: #1fa87a33; stroke: #1fa87a; }
.net .plain { fill: #8888881f; stroke: #888888; }
.net path { fill: none; stroke: currentColor; stroke-width: 1.1; opacity: .55; }
.net .gate-line { stroke-dasharray: 4 3; }
.net .stopped { stroke-dasharray: 1 4; }
"""
Point = tuple[float, float]


class Drawing:
    """Collects the shapes of one picture. A shape is placed by its centre."""

    def __init__(self, height: int, title: str) -> None:
        self.height, self.title = height, title
        self.lines: list[str] = []
        self.shapes: list[str] = []

    def box(
        self, x: float, y: float, text: str, kind: str = "plain", width: float = 92
    ) -> Point:
        """Draws a labelled box and returns its centre."""
        left, top = x - width / 2, y - BOX_HEIGHT / 2
        self.shapes.append(
            f'<rect class="{kind}" x="{left:g}" y="{top:g}" rx="5" '
            f'width="{width:g}" height="{BOX_HEIGHT}"/>'
            f'<text x="{x:g}" y="{y + 4.5:g}">{text}</text>'
        )
        return x, y

    def gate(self, x: float, y: float, text: str, kind: str) -> Point:
        """Draws a gate as a trapezium and returns its centre."""
        corners = [
            (x - 34, y + 14),
            (x + 34, y + 14),
            (x + 22, y - 14),
            (x - 22, y - 14),
        ]
        points = " ".join(f"{a:g},{b:g}" for a, b in corners)
        self.shapes.append(
            f'<polygon class="{kind}" points="{points}"/>'
            f'<text x="{x:g}" y="{y + 4.5:g}">{text}</text>'
        )
        return x, y

    def node(self, x: float, y: float, sign: str, kind: str) -> Point:
        """Draws a sum or a product and returns its centre."""
        self.shapes.append(
            f'<circle class="{kind}" cx="{x:g}" cy="{y:g}" r="12"/>'
            f'<text x="{x:g}" y="{y + 5:g}">{sign}</text>'
        )
        return x, y

    def note(self, x: float, y: float, text: str) -> None:
        """Writes small text."""
        self.shapes.append(f'<text class="small" x="{x:g}" y="{y:g}">{text}</text>')

    def connect(
        self,
        sources: Sequence[Point],
        target: Point,
        style: str = "",
        reach: float = 15,
    ) -> None:
        """Draws a line from the top of each source to the bottom of the target."""
        for x, y in sources:
            a, b = y - 15, target[1] + reach
            middle = (a + b) / 2
            self.lines.append(
                f'<path class="{style}" d="M{x:g} {a:g}C{x:g} {middle:g} '
                f'{target[0]:g} {middle:g} {target[0]:g} {b:g}"/>'
            )

    def svg(self) -> str:
        """Returns the picture."""
        return (
            f'<svg class="net" viewBox="0 0 {WIDTH} {self.height}" role="img" '
            f'aria-label="{self.title}"><style>{STYLE}</style>'
            + "".join(self.lines + self.shapes)
            + "</svg>"
        )


def sizes(model: str) -> dict[str, Any]:
    """Returns the keys of a model's config file."""
    keys: dict[str, Any] = yaml.safe_load((CONF / f"{model}.yaml").read_text("utf-8"))
    return keys


def widths(units: Sequence[int]) -> str:
    """Returns the widths of layers as text."""
    return " → ".join(map(str, units))


def towers(drawing: Drawing, below_a: Point, below_b: Point, y: float = 70) -> None:
    """Draws the two tasks' towers above what they read, and their predictions."""
    both_read_one = below_a == below_b
    for below, x, kind, name in (
        (below_a, 220 if both_read_one else below_a[0], "task-a", "A"),
        (below_b, 420 if both_read_one else below_b[0], "task-b", "B"),
    ):
        tower = drawing.box(x, y, f"tower {name}", kind)
        drawing.connect([below], tower)
        drawing.connect([tower], (x, 22), reach=6)
        label = f'y<tspan dy="4" font-size="10">{name}</tspan>'
        drawing.shapes.append(f'<text x="{x:g}" y="20">{label}</text>')


def single_task() -> Drawing:
    """Two networks side by side."""
    drawing = Drawing(330, "Single task: one network for each task")
    units = widths(sizes("single_task")["bottom_units"])
    rows = drawing.box(320, 305, "features", width=130)
    bottoms = []
    for x, kind, name in ((200, "task-a", "A"), (440, "task-b", "B")):
        embedding = drawing.box(x, 235, f"embeddings {name}", kind, 130)
        bottoms.append(drawing.box(x, 155, f"bottom {name}", kind, 130))
        drawing.connect([rows], embedding)
        drawing.connect([embedding], bottoms[-1])
        drawing.note(x, 187, units)
    towers(drawing, *bottoms)
    return drawing


def shared_bottom() -> Drawing:
    """A bottom network under two towers."""
    drawing = Drawing(270, "Shared bottom: both towers read one network")
    x = drawing.box(320, 245, "encoding x", "shared", 130)
    bottom = drawing.box(320, 165, "shared bottom f", "shared", 150)
    drawing.connect([x], bottom)
    drawing.note(320, 197, widths(sizes("shared_bottom")["bottom_units"]))
    towers(drawing, bottom, bottom, y=80)
    return drawing


def experts_of(model: str, drawing: Drawing, y: float) -> list[Point]:
    """Draws the experts of a mixture: the first two and the last."""
    keys = sizes(model)
    count = keys["num_experts"]
    places = [(215, "expert 1"), (320, "…"), (425, f"expert {count}")]
    drawing.note(320, y + 31, f"{count} experts, each {widths(keys['expert_units'])}")
    return [drawing.box(x, y, text, "shared") for x, text in places]


def omoe() -> Drawing:
    """Experts with one gate."""
    drawing = Drawing(370, "OMoE: one gate mixes the experts for both tasks")
    x = drawing.box(320, 345, "encoding x", "shared", 130)
    experts = experts_of("omoe", drawing, 255)
    gate = drawing.gate(95, 255, "gate", "shared")
    mix = drawing.node(320, 165, "Σ", "shared")
    for part in [*experts, gate]:
        drawing.connect([x], part)
    drawing.connect(experts, mix, reach=12)
    drawing.connect([gate], mix, "gate-line", reach=12)
    towers(drawing, mix, mix, y=80)
    return drawing


def mmoe() -> Drawing:
    """Experts with one gate per task."""
    drawing = Drawing(370, "MMoE: each task has a gate of its own")
    x = drawing.box(320, 345, "encoding x", "shared", 130)
    experts = experts_of("mmoe", drawing, 255)
    mixes = []
    for place, mix_x, kind, name in (
        (90, 220, "task-a", "A"),
        (550, 420, "task-b", "B"),
    ):
        gate = drawing.gate(place, 255, f"gate {name}", kind)
        mixes.append(drawing.node(mix_x, 160, "Σ", kind))
        drawing.connect([x], gate)
        drawing.connect([gate], mixes[-1], "gate-line", reach=12)
        drawing.connect(experts, mixes[-1], reach=12)
    for expert in experts:
        drawing.connect([x], expert)
    towers(drawing, *mixes)
    return drawing


def level(
    drawing: Drawing,
    model: str,
    y: float,
    streams: tuple[Point, Point, Point],
    shared_gate: bool,
) -> tuple[Point, ...]:
    """Draws one level of CGC or PLE.

    Args:
        drawing: the picture.
        model: the config file that gives the sizes.
        y: vertical position of the experts.
        streams: inputs of the experts and gates of task A, of the shared experts and
            gate, and of the experts and gates of task B.
        shared_gate: whether a gate mixes all experts for the next level.

    Returns: the mixes of task A, of the shared stream if there is one, of task B.
    """
    keys = sizes(model)
    groups = [
        (95, f"{keys['num_specific_experts']} experts of A", "task-a", "A"),
        (320, f"{keys['num_shared_experts']} shared experts", "shared", ""),
        (545, f"{keys['num_specific_experts']} experts of B", "task-b", "B"),
    ]
    experts = [drawing.box(x, y, text, kind, 130) for x, text, kind, _ in groups]
    for expert, stream in zip(experts, streams, strict=True):
        drawing.connect([stream], expert)
    mixes = []
    for x, (_, _, kind, name), stream, seen in zip(
        (200, 320, 440),
        groups,
        streams,
        (experts[:2], experts, experts[1:]),
        strict=True,
    ):
        if not name and not shared_gate:
            continue
        mix = drawing.node(x, y - 110, "Σ", kind)
        drawing.connect(seen, mix, reach=12)
        if name:
            gate = drawing.gate(x, y - 52, f"gate {name}", kind)
            drawing.connect([gate], mix, "gate-line", reach=12)
        else:
            gate = drawing.gate(x + 56, y - 110, "gate", kind)
            drawing.lines.append(f'<path class="gate-line" d="M347 {y - 110}H332"/>')
        drawing.connect([stream], gate, "gate-line")
        mixes.append(mix)
    return tuple(mixes)


def cgc() -> Drawing:
    """A level of specific and shared experts."""
    drawing = Drawing(390, "CGC: each gate mixes its task's and the shared experts")
    x = drawing.box(320, 365, "encoding x", "shared", 130)
    mixes = level(drawing, "cgc", 275, (x, x, x), shared_gate=False)
    towers(drawing, mixes[0], mixes[1])
    return drawing


def ple() -> Drawing:
    """Two levels with a shared stream between them."""
    drawing = Drawing(580, "PLE: levels of CGC with a shared stream between them")
    x = drawing.box(320, 555, "encoding x", "shared", 130)
    first = level(drawing, "ple", 470, (x, x, x), shared_gate=True)
    second = level(drawing, "ple", 275, first, shared_gate=False)  # type: ignore[arg-type]
    towers(drawing, second[0], second[1])
    return drawing


def esmm() -> Drawing:
    """Two towers whose probabilities are multiplied."""
    drawing = Drawing(290, "ESMM: the product of two probabilities")
    x = drawing.box(320, 265, "shared embeddings", "shared", 150)
    ctr = drawing.box(200, 185, "click tower", "task-a", 130)
    cvr = drawing.box(440, 185, "conversion tower", "task-b", 140)
    click = drawing.box(200, 115, "pCTR", "task-a")
    conversion = drawing.box(440, 115, "pCVR", "task-b")
    product = drawing.node(320, 60, "&times;", "plain")
    drawing.connect([x], ctr)
    drawing.connect([x], cvr)
    drawing.connect([ctr], click)
    drawing.connect([cvr], conversion)
    drawing.connect([click, conversion], product, reach=12)
    drawing.connect([product], (320, 24), reach=6)
    drawing.shapes.append('<text x="320" y="20">pCTCVR</text>')
    drawing.note(110, 119, "loss: click")
    drawing.note(560, 119, "no loss of its own")
    drawing.note(440, 20, "loss: click and conversion")
    return drawing


def stem() -> Drawing:
    """Three sets of embeddings, and mixtures that stop gradients."""
    drawing = Drawing(420, "STEM: embeddings of each task beside shared embeddings")
    keys = sizes("stem")
    rows = drawing.box(320, 395, "features", width=130)
    columns = [(95, "A", "task-a"), (320, "", "shared"), (545, "B", "task-b")]
    experts = []
    for x, name, kind in columns:
        text = f"embeddings {name}" if name else "shared embeddings"
        embedding = drawing.box(x, 325, text, kind, 150)
        count = keys[f"num_{'specific' if name else 'shared'}_experts"]
        plural = "s" if count > 1 else ""
        text = (
            f"{count} expert{plural} of {name}" if name else f"{count} shared experts"
        )
        experts.append(drawing.box(x, 250, text, kind, 130))
        drawing.connect([rows], embedding)
        drawing.connect([embedding], experts[-1])
    mixes = []
    for x, other, seen, kind, name in (
        (200, experts[2], experts[:2], "task-a", "A"),
        (440, experts[0], experts[1:], "task-b", "B"),
    ):
        mixes.append(drawing.node(x, 145, "Σ", kind))
        gate = drawing.gate(x, 200, f"gate {name}", kind)
        drawing.connect(seen, mixes[-1], reach=12)
        drawing.connect([other], mixes[-1], "stopped", reach=12)
        drawing.connect([gate], mixes[-1], "gate-line", reach=12)
    drawing.note(320, 116, "dotted: no gradient")
    towers(drawing, *mixes)
    return drawing


def dbmtl() -> Drawing:
    """Two towers, where the relation network of the second reads that of the first."""
    drawing = Drawing(370, "DBMTL: the tower of a task reads those of its parents")
    keys = sizes("dbmtl")
    x = drawing.box(320, 345, "encoding x", "shared", 130)
    bottom = drawing.box(320, 270, "shared bottom f", "shared", 150)
    drawing.connect([x], bottom)
    drawing.note(320, 302, widths(keys["bottom_units"]))
    relations = []
    for place, kind, name in ((200, "task-a", "A"), (440, "task-b", "B")):
        tower = drawing.box(place, 190, f"tower {name}", kind)
        relations.append(drawing.box(place, 85, f"relation {name}", kind))
        drawing.connect([bottom], tower)
        drawing.connect([tower], relations[-1])
        drawing.connect([relations[-1]], (place, 22), reach=6)
        label = f'y<tspan dy="4" font-size="10">{name}</tspan>'
        drawing.shapes.append(f'<text x="{place:g}" y="20">{label}</text>')
    drawing.lines.append('<path d="M246 85C320 85 320 130 426 100"/>')
    drawing.note(320, 150, "A is the parent of B")
    return drawing


def pepnet() -> Drawing:
    """Gates that scale the embeddings and the inputs of the towers' layers."""
    drawing = Drawing(430, "PEPNet: gates scale embeddings and layers of towers")
    x = drawing.box(320, 405, "embeddings", "shared", 130)
    drawing.gate(120, 330, "EPNet", "shared")
    scaled = drawing.node(320, 330, "&times;", "shared")
    drawing.connect([x], scaled, reach=12)
    drawing.lines.append('<path class="gate-line" d="M154 330H308"/>')
    drawing.note(120, 362, "domain features")
    for place, side, kind, name in (
        (200, 70, "task-a", "A"),
        (440, 570, "task-b", "B"),
    ):
        below = scaled
        sign = 1 if side > place else -1
        for number, y in ((1, 250), (2, 130)):
            product = drawing.node(place, y, "&times;", kind)
            gate = drawing.gate(side, y, f"gate {name}{number}", kind)
            layer = drawing.box(place, y - 55, f"layer {number} of {name}", kind, 110)
            drawing.connect([below], product, reach=12)
            drawing.connect([product], layer)
            start, stop = gate[0] - 28 * sign, place + 12 * sign
            drawing.lines.append(f'<path class="gate-line" d="M{start} {y}H{stop}"/>')
            below = layer
        drawing.connect([below], (place, 22), reach=6)
        label = f'y<tspan dy="4" font-size="10">{name}</tspan>'
        drawing.shapes.append(f'<text x="{place:g}" y="20">{label}</text>')
        drawing.note(side, 282, "prior features")
    return drawing


def aitm() -> Drawing:
    """A network per task; the second task attends to itself and to the first."""
    drawing = Drawing(430, "AITM: a task attends to itself and to the task before it")
    units = widths(sizes("aitm")["bottom_units"])
    x = drawing.box(320, 405, "encoding x", "shared", 130)
    networks = []
    for place, kind, name in ((200, "task-a", "A"), (440, "task-b", "B")):
        networks.append(drawing.box(place, 325, f"network {name}", kind, 130))
        drawing.connect([x], networks[-1])
        drawing.note(place, 357, units)
    transfer = drawing.box(320, 245, "transfer", "task-a")
    attention = drawing.gate(545, 190, "attention", "shared")
    mix = drawing.node(440, 140, "Σ", "task-b")
    drawing.connect([networks[0]], transfer)
    drawing.connect([transfer, networks[1]], mix, reach=12)
    drawing.connect([transfer, networks[1]], attention)
    drawing.connect([attention], mix, "gate-line", reach=12)
    towers(drawing, networks[0], mix)
    return drawing


def poso() -> Drawing:
    """MMoE with one more gate, of personal features."""
    drawing = Drawing(370, "POSO: a gate of personal features weighs the experts")
    x = drawing.box(320, 345, "encoding x", "shared", 130)
    personal = drawing.box(90, 345, "personal features", "shared", 140)
    experts = experts_of("poso", drawing, 255)
    factor = drawing.gate(90, 255, "gate p", "shared")
    drawing.connect([personal], factor)
    mixes = []
    for place, mix_x, kind, name in (
        (160, 220, "task-a", "A"),
        (550, 420, "task-b", "B"),
    ):
        gate = drawing.gate(place, 205, f"gate {name}", kind)
        mixes.append(drawing.node(mix_x, 145, "Σ", kind))
        drawing.connect([x], gate)
        drawing.connect([gate, factor], mixes[-1], "gate-line", reach=12)
        drawing.connect(experts, mixes[-1], reach=12)
    for expert in experts:
        drawing.connect([x], expert)
    towers(drawing, *mixes)
    return drawing


def home() -> Drawing:
    """Two levels: groups of tasks below, tasks above."""
    drawing = Drawing(500, "HoME: streams of groups of tasks, then of tasks")
    keys = sizes("home")
    x = drawing.box(320, 475, "encoding x", "shared", 130)
    streams, stream_y = [], 290
    for place, kind, text in (
        (160, "task-a", f"group 1: {keys['num_group_experts']} experts"),
        (320, "shared", f"{keys['num_shared_experts']} shared experts"),
        (480, "task-b", f"group 2: {keys['num_group_experts']} experts"),
    ):
        experts = drawing.box(place, 390, text, kind, 150)
        drawing.connect([x], experts)
        streams.append(drawing.node(place, stream_y, "Σ", kind))
        drawing.connect([experts], streams[-1], reach=12)
        drawing.note(place, 432, "feature gate")
    for source, target in ((1, 0), (1, 2), (0, 1), (2, 1)):
        below = (streams[source][0], 390.0)
        drawing.connect([below], streams[target], reach=12)
    above = []
    for place, kind, text, read in (
        (90, "task-a", "experts of A", streams[:2]),
        (235, "task-a", "group 1", streams[:2]),
        (320, "shared", "shared", streams[1:2]),
        (405, "task-b", "group 2", streams[1:]),
        (550, "task-b", "experts of B", streams[1:]),
    ):
        width = 110 if "experts" in text else 76
        above.append(drawing.box(place, 205, text, kind, width))
        drawing.connect(read, above[-1])
    mixes = []
    for place, seen, kind in ((200, above[:3], "task-a"), (440, above[2:], "task-b")):
        mixes.append(drawing.node(place, 130, "Σ", kind))
        drawing.connect(seen, mixes[-1], reach=12)
    towers(drawing, *mixes, y=75)
    return drawing


def adatt() -> Drawing:
    """One level of units: the gate of each task weighs the experts of all."""
    drawing = Drawing(390, "AdaTT: a task reads all experts, its own ones twice")
    keys = sizes("adatt")
    x = drawing.box(320, 365, "encoding x", "shared", 130)
    experts = [
        drawing.box(place, 275, text, kind, 130)
        for place, text, kind in (
            (95, f"{keys['num_specific_experts']} experts of A", "task-a"),
            (320, f"{keys['num_shared_experts']} shared", "shared"),
            (545, f"{keys['num_specific_experts']} experts of B", "task-b"),
        )
    ]
    for expert in experts:
        drawing.connect([x], expert)
    mixes = []
    for place, kind, name, own in (
        (200, "task-a", "A", experts[0]),
        (440, "task-b", "B", experts[2]),
    ):
        mix = drawing.node(place, 150, "Σ", kind)
        gate = drawing.gate(place, 212, f"gate {name}", kind)
        drawing.connect([x], gate, "gate-line")
        drawing.connect([gate], mix, "gate-line", reach=12)
        drawing.connect(experts, mix, reach=12)
        native = drawing.box(own[0], 190, f"native {name}", kind, 80)
        drawing.connect([own], native)
        drawing.connect([native], mix, reach=12)
        mixes.append(mix)
    drawing.note(560, 345, f"a level of {keys['num_levels']}")
    towers(drawing, *mixes)
    return drawing


def cross_stitch() -> Drawing:
    """Two networks whose layers are mixed by a matrix."""
    units = sizes("cross_stitch")["bottom_units"]
    drawing = Drawing(460, "Cross-stitch: a matrix mixes the layers of all tasks")
    below = (drawing.box(320, 435, "encoding x", "shared", 130),) * 2
    for layer, (y, width) in enumerate(zip((350, 220), units, strict=True), start=1):
        boxes = []
        for stream, place, kind, name in zip(
            below, (200, 440), ("task-a", "task-b"), "AB", strict=True
        ):
            boxes.append(drawing.box(place, y, f"layer {layer} of {name}", kind, 130))
            drawing.connect([stream], boxes[-1])
            drawing.note(place, y + 31, f"{width} units")
        below = (
            drawing.node(200, y - 62, "Σ", "task-a"),
            drawing.node(440, y - 62, "Σ", "task-b"),
        )
        for mix in below:
            drawing.connect(boxes, mix, reach=12)
        drawing.note(320, y - 58, f"matrix A{layer}")
    towers(drawing, *below)
    return drawing


def snr() -> Drawing:
    """Two levels of sub-networks with connections that are open or cut."""
    drawing = Drawing(400, "SNR: connections between sub-networks are open or cut")
    keys = sizes("snr")
    x = drawing.box(320, 375, "encoding x", "shared", 130)
    names = ["network 1", "…", f"network {keys['num_networks']}"]
    levels = [
        [
            drawing.box(place, y, name, "shared", 100)
            for place, name in zip((190, 320, 450), names, strict=True)
        ]
        for y in (295, 205)
    ]
    sums = drawing.node(220, 130, "Σ", "task-a"), drawing.node(420, 130, "Σ", "task-b")
    for network in levels[0]:
        drawing.connect([x], network)
    for network in levels[1]:
        drawing.connect(levels[0], network, "gate-line")
    for total in sums:
        drawing.connect(levels[1], total, "gate-line", reach=12)
    drawing.note(570, 255, "dashed: open or cut")
    towers(drawing, *sums)
    return drawing


DRAWINGS = {
    "single_task": single_task,
    "shared_bottom": shared_bottom,
    "omoe": omoe,
    "mmoe": mmoe,
    "cgc": cgc,
    "ple": ple,
    "esmm": esmm,
    "stem": stem,
    "dbmtl": dbmtl,
    "pepnet": pepnet,
    "poso": poso,
    "home": home,
    "aitm": aitm,
    "adatt": adatt,
    "cross_stitch": cross_stitch,
    "snr": snr,
}


def diagram(model: str) -> str:
    """Returns the picture of a model as SVG."""
    return DRAWINGS[model]().svg()
