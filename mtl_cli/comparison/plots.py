"""The plots of a comparison: seeds, trade-offs, learning curves, single settings.

A configuration has the same index and colour in all plots.
"""

import statistics

from mtl_cli.comparison.configurations import short_key
from mtl_cli.comparison.formats import interval_text
from mtl_cli.comparison.results import DatasetComparison, Task
from mtl_cli.comparison.runs import finite_number
from mtl_cli.pages.charts import NUM_COLORS, Axis, Chart, axis_around, color
from mtl_cli.pages.line_plots import Line, LinePlot

MAX_CONFIGURATIONS = 30  # in one plot
MAX_NAME = 30  # characters that fit beside the numbers
MAX_POINT_NAME = 24  # characters that fit beside a point
WIDTH = 460
SMALL_WIDTH = 300
LEFT = 64  # of plots with a y axis
CHARACTER_WIDTH = 6.5


def plotted_indices(comparison: DatasetComparison) -> range:
    """Returns the indices of the configurations that are plotted."""
    return range(min(len(comparison.configurations), MAX_CONFIGURATIONS))


def seeds_chart(comparison: DatasetComparison, task: Task) -> Chart:
    """Plots one row per configuration: seeds as dots, the mean with its interval."""
    rows = [
        (i, score, score.interval)
        for i in plotted_indices(comparison)
        if (score := task.scores[i]).interval is not None
    ]
    height, top = 40, 8
    bottom = top + height * len(rows)
    values = [value for _, score, _ in rows for value in score.by_seed.values()]
    values += [end for *_, interval in rows for end in interval.ends]
    x, y = axis_around(values, 12, WIDTH - 12), Axis(0, 1, bottom, top)
    label = f"{task.name} {task.metric}, seeds by row"
    chart = Chart(label, WIDTH, bottom + 40)
    chart.x_axis(x, y, task.metric_title)
    for _, score, interval in rows:
        if score.configuration is comparison.baseline:
            center = x(interval.mean)
            chart.line((center, top), (center, bottom), "reference")
    for row, (i, score, interval) in enumerate(rows):
        center = top + height * row + 26
        name = score.configuration.name
        shown = name if len(name) <= MAX_NAME else f"{name[:MAX_NAME]}…"
        star = " ★" if score is task.best else ""
        chart.text((x.start, center - 11), f"{shown}{star}", css_class="row")
        numbers = interval_text(interval, task.decimals)
        chart.text((x.stop, center - 11), numbers, "end", "tick")
        low, high = interval.ends
        chart.line((x(low), center), (x(high), center), f"bar {color(i)}")
        for seed, value in score.by_seed.items():
            tooltip = f"{name}, seed {seed}: {value:.6f}"
            chart.dot((x(value), center), 3, f"seed {color(i)}", tooltip)
        chart.dot((x(interval.mean), center), 5, f"mean {color(i)}", f"{name}: mean")
    return chart


def trade_off_chart(comparison: DatasetComparison, first: Task, second: Task) -> Chart:
    """Plots two tasks against each other, with the Pareto front."""
    points = [
        (i, a, b)
        for i in plotted_indices(comparison)
        if (a := first.scores[i].interval) is not None
        and (b := second.scores[i].interval) is not None
    ]
    x = axis_around([end for _, a, _ in points for end in a.ends], LEFT, WIDTH - 16)
    y = axis_around([end for *_, b in points for end in b.ends], 300, 30)
    chart = Chart(f"{first.name} against {second.name}", WIDTH, 344)
    chart.x_axis(x, y, f"{first.name} {first.metric_title}")
    chart.y_axis(x, y, f"{second.name} {second.metric_title}")
    signs = (first.direction or 1, second.direction or 1)
    front = pareto_front([(a.mean * signs[0], b.mean * signs[1]) for _, a, b in points])
    steps = sorted((points[i][1].mean, points[i][2].mean) for i in front)
    chart.path([(x(a), y(b)) for a, b in steps], "front")
    for n, (i, a, b) in enumerate(points):
        point = (x(a.mean), y(b.mean))
        if a.half_width is not None and b.half_width is not None:
            left, right = map(x, a.ends)
            low, high = map(y, b.ends)
            chart.line((left, point[1]), (right, point[1]), f"whisker {color(i)}")
            chart.line((point[0], low), (point[0], high), f"whisker {color(i)}")
        name = comparison.configurations[i].name
        ring = " onfront" if n in front else ""
        chart.dot(point, 6, f"mean {color(i)}{ring}", name)
        if len(points) <= NUM_COLORS and len(name) <= MAX_POINT_NAME:
            anchor, shift = ("end", -10) if point[0] > WIDTH * 0.7 else ("start", 10)
            chart.text((point[0] + shift, point[1] - 8), name, anchor)
    return chart


def pareto_front(points: list[tuple[float, float]]) -> set[int]:
    """Returns the points that no other point beats in both values; more is better."""
    return {
        i
        for i, (x, y) in enumerate(points)
        if not any(a >= x and b >= y and (a > x or b > y) for a, b in points)
    }


def learning_curves(comparison: DatasetComparison, task: Task) -> Chart | None:
    """Plots the validation metric by epoch, one line per run; None if no run has it."""
    column = f"valid.{task.name}.{task.metric}"
    name = f"{task.name} validation {task.metric_title}"
    plot = LinePlot(f"{name} by epoch", "epoch", name)
    for i, configuration in enumerate(comparison.configurations[:NUM_COLORS]):
        for seed, run in sorted(configuration.runs.items()):
            points = [
                (epoch, value)
                for row in run.history()
                if (epoch := finite_number(row.get("epoch"))) is not None
                and (value := finite_number(row.get(column))) is not None
            ]
            if points:
                x, y = zip(*points, strict=True)
                plot.lines.append(Line(f"{configuration.name}, seed {seed}", x, y, i))
    if not plot.lines:
        return None
    # The first epochs are far off; their values would stretch the axis.
    values = sorted(value for line in plot.lines for value in line.y)
    fifth = len(values) // 5
    if task.direction > 0:
        plot.y_values = values[fifth:]
    elif task.direction < 0:
        plot.y_values = values[: len(values) - fifth]
    return plot.chart()


def setting_chart(comparison: DatasetComparison, key: str, task: Task) -> Chart:
    """Plots each configuration's mean by the value of one setting."""
    means: dict[str, list[tuple[int, float]]] = {}
    for i in plotted_indices(comparison):
        score = task.scores[i]
        value = score.configuration.settings.get(key)
        if value is not None and score.interval is not None:
            means.setdefault(value, []).append((i, score.interval.mean))
    values = sorted(means, key=numbers_first)
    x = Axis(0, len(values), LEFT, SMALL_WIDTH - 8)
    y = axis_around((mean for group in means.values() for _, mean in group), 190, 30)
    chart = Chart(f"{key} and {task.name}", SMALL_WIDTH, 248)
    chart.y_axis(x, y, f"{task.name} {task.metric_title}")
    # The labels alternate between two lines, so each has the width of two.
    fitting = int(2 * (x.stop - x.start) / len(values) / CHARACTER_WIDTH)
    trend = []
    for n, value in enumerate(values):
        middle = x(n + 0.5)
        label = value if len(value) <= fitting else f"{value[: fitting - 1]}…"
        chart.text((middle, 206 + 13 * (n % 2)), label, "middle", "tick")
        trend.append((middle, y(statistics.fmean(mean for _, mean in means[value]))))
        for i, mean in means[value]:
            name = comparison.configurations[i].name
            chart.dot((middle, y(mean)), 4, f"seed {color(i)}", name)
    chart.path(trend, "trend")
    name = short_key(key, comparison.differing_keys)
    chart.text(((x.start + x.stop) / 2, 240), name, "middle", "name")
    return chart


def numbers_first(value: str) -> tuple[bool, float]:
    """Returns a sorting key that puts numbers in order, before text."""
    number = finite_number(value)
    return (number is None, number or 0.0)
