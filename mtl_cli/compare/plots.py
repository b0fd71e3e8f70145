"""The plots of a comparison: seeds with intervals, trade-offs, curves, settings."""

from mtl_cli.compare.charts import Axis, Chart, axis
from mtl_cli.compare.comparison import Cell, Comparison, Task
from mtl_cli.compare.configurations import short
from mtl_cli.compare.leaderboard import number
from mtl_cli.compare.numbers import decimals, interval

COLORS = 8  # that can be told apart
MOST = 30  # configurations in a plot
WIDTH = 460
LONGEST_NAME = 30  # characters that fit beside the numbers


def color(index: int) -> str:
    """Returns the class of a configuration's colour; grey after the first eight."""
    return f"c{index}" if index < COLORS else "cx"


def chosen(result: Comparison) -> list[int]:
    """Returns which configurations are plotted: the first ones."""
    return list(range(len(result.configurations)))[:MOST]


def seeds_plot(result: Comparison, task: Task) -> str:
    """Plots each seed as a dot, the mean and its interval as a bar, by row."""
    cells = [(i, c) for i in chosen(result) if (c := task.cells[i]).mean is not None]
    places = decimals(task)
    row, top = 40, 8
    bottom = top + row * len(cells)
    reach = [v for _, c in cells for v in c.values.values()]
    reach += [end for _, c in cells for end in ends(c)]
    x = axis(reach, 12, WIDTH - 12)
    chart = Chart(WIDTH, bottom + 40, f"{task.name} {task.metric}, seeds by row")
    chart.x_axis(x, bottom, top, task.metric.replace("_", " "))
    base = next((c for _, c in cells if c.configuration is result.baseline), None)
    if base is not None and base.mean is not None:
        at = x(base.mean.mean)
        chart.line((at, top), (at, bottom), "reference")
    for place, (i, cell) in enumerate(cells):
        y = top + row * place + 26
        name = cell.configuration.name
        mark = " ★" if cell is task.best else ""
        shown = name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}…"
        chart.text(x.start, y - 11, f"{shown}{mark}", "start", "row")
        chart.text(x.stop, y - 11, interval(cell.mean, places), "end", "tick")
        low, high = ends(cell)
        chart.line((x(low), y), (x(high), y), f"bar {color(i)}")
        for seed, value in cell.values.items():
            chart.dot(
                x(value), y, 3, f"seed {color(i)}", f"{name}, seed {seed}: {value:.6f}"
            )
        if cell.mean is not None:
            chart.dot(x(cell.mean.mean), y, 5, f"mean {color(i)}", f"{name}: mean")
    return chart.svg()


def ends(cell: Cell) -> tuple[float, float]:
    """Returns the ends of a cell's interval."""
    if cell.mean is None:
        return (0.0, 0.0)
    half = cell.mean.half or 0.0
    return cell.mean.mean - half, cell.mean.mean + half


def trade_off(result: Comparison, first: Task, second: Task) -> str:
    """Plots two tasks against each other, and the front that no other beats."""
    points = []
    for i in chosen(result):
        a, b = first.cells[i].mean, second.cells[i].mean
        if a is not None and b is not None:
            points.append((i, a, b))
    xs = [
        v
        for _, a, _ in points
        for v in (a.mean - (a.half or 0), a.mean + (a.half or 0))
    ]
    ys = [
        v
        for _, _, b in points
        for v in (b.mean - (b.half or 0), b.mean + (b.half or 0))
    ]
    x, y = axis(xs, 64, WIDTH - 16), axis(ys, 300, 30)
    chart = Chart(WIDTH, 344, f"{first.name} against {second.name}")
    chart.x_axis(x, 300, 30, f"{first.name} {first.metric.replace('_', ' ')}")
    chart.y_axis(y, 64, WIDTH - 16, f"{second.name} {second.metric.replace('_', ' ')}")
    signs = (first.direction or 1, second.direction or 1)
    front = pareto([(a.mean * signs[0], b.mean * signs[1]) for _, a, b in points])
    steps = sorted((points[i][1].mean, points[i][2].mean) for i in front)
    chart.path([(x(a), y(b)) for a, b in steps], "front")
    for place, (i, a, b) in enumerate(points):
        at = (x(a.mean), y(b.mean))
        if a.half is not None and b.half is not None:
            chart.line(
                (x(a.mean - a.half), at[1]),
                (x(a.mean + a.half), at[1]),
                f"whisker {color(i)}",
            )
            chart.line(
                (at[0], y(b.mean - b.half)),
                (at[0], y(b.mean + b.half)),
                f"whisker {color(i)}",
            )
        name = result.configurations[i].name
        kind = f"mean {color(i)}{' onfront' if place in front else ''}"
        chart.dot(*at, 6, kind, name)
        if len(points) <= COLORS and len(name) <= 24:
            side = "end" if at[0] > WIDTH * 0.7 else "start"
            chart.text(at[0] + (10 if side == "start" else -10), at[1] - 8, name, side)
    return chart.svg()


def pareto(points: list[tuple[float, float]]) -> set[int]:
    """Returns which points no other beats in both; more is better."""
    return {
        i
        for i, (x, y) in enumerate(points)
        if not any(a >= x and b >= y and (a > x or b > y) for a, b in points)
    }


def learning_curves(result: Comparison, task: Task) -> str | None:
    """Plots the validation metric by epoch, a line a run; None without any."""
    column = f"valid.{task.name}.{task.metric}"
    lines: list[tuple[int, int, list[tuple[float, float]]]] = []
    for i in chosen(result)[:COLORS]:
        for seed, run in sorted(result.configurations[i].runs.items()):
            pairs = [
                (number(e.get("epoch")), number(e.get(column))) for e in run.history()
            ]
            curve = [(a, b) for a, b in pairs if a is not None and b is not None]
            if curve:
                lines.append((i, seed, curve))
    if not lines:
        return None
    last = max(point[0] for *_, curve in lines for point in curve)
    x = Axis(1, max(last, 2), 64, WIDTH - 16)
    y = cut([b for *_, curve in lines for _, b in curve], task.direction)
    chart = Chart(WIDTH, 304, f"{task.name} validation {task.metric} by epoch")
    ticks = sorted({round(tick) for tick in x.ticks()} | {1})
    for tick in ticks:
        chart.text(x(tick), 276, tick, "middle", "tick")
    chart.text((x.start + x.stop) / 2, 294, "epoch", "middle", "name")
    chart.y_axis(
        y, 64, WIDTH - 16, f"{task.name} validation {task.metric.replace('_', ' ')}"
    )
    chart.window(64, 30, WIDTH - 80, 230)
    for i, _, curve in lines:
        points = [(x(a), y(b)) for a, b in curve]
        if len(points) == 1:
            chart.dot(*points[0], 3, f"seed {color(i)}")
        chart.path(points, f"curve {color(i)}")
    return chart.svg()


def cut(values: list[float], direction: int) -> Axis:
    """Returns an axis without the worst fifth, which first epochs would stretch."""
    every = sorted(values)
    fifth = len(every) // 5
    if direction > 0:
        every = every[fifth:]
    elif direction < 0:
        every = every[: len(every) - fifth]
    return axis(every, 260, 30)


def setting_plot(result: Comparison, key: str, task: Task) -> str:
    """Plots each configuration's mean over one setting's values, and their means."""
    values: dict[str, list[tuple[int, float]]] = {}
    for i in chosen(result):
        cell = task.cells[i]
        value = cell.configuration.settings.get(key)
        if value is not None and cell.mean is not None:
            values.setdefault(value, []).append((i, cell.mean.mean))
    order = sorted(values, key=by_size)
    width = 300
    y = axis((v for each in values.values() for _, v in each), 190, 30)
    chart = Chart(width, 248, f"{key} and {task.name}")
    chart.y_axis(y, 64, width - 8, f"{task.name} {task.metric.replace('_', ' ')}")
    places = [64 + (width - 72) * (n + 0.5) / len(order) for n in range(len(order))]
    means = []
    room = int(2 * (width - 72) / len(order) / 6.5)  # characters, on two lines in turn
    for n, (at, value) in enumerate(zip(places, order, strict=True)):
        label = value if len(value) <= room else f"{value[: room - 1]}…"
        chart.text(at, 206 + 13 * (n % 2), label, "middle", "tick")
        mean = sum(v for _, v in values[value]) / len(values[value])
        means.append((at, y(mean)))
        for i, v in values[value]:
            chart.dot(at, y(v), 4, f"seed {color(i)}", result.configurations[i].name)
    chart.path(means, "trend")
    chart.text(64 + (width - 72) / 2, 240, short(key, result.keys), "middle", "name")
    return chart.svg()


def by_size(value: str) -> tuple[bool, float]:
    """Returns a key that puts numbers in order, before words."""
    size = number(value)
    return (size is None, size or 0.0)
