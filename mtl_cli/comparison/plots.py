"""Draws the plots of a comparison: seeds, trade-offs, learning curves, settings.

A configuration has the same colour in all plots: the colour of its index. The axes `x`
and `y` are functions: `x(value)` is the position of a value in SVG units.
"""

import statistics

from mtl_cli.comparison.configurations import short_key
from mtl_cli.comparison.intervals import interval_text
from mtl_cli.comparison.results import DatasetComparison, Task
from mtl_cli.comparison.runs import finite_number
from mtl_cli.pages.charts import NUM_COLORS, Axis, Chart, axis_around, color
from mtl_cli.pages.interval_plots import Bar, IntervalPlot
from mtl_cli.pages.line_plots import Line, LinePlot

MAX_CONFIGURATIONS = 30  # the largest number of configurations in one plot
MAX_SETTING_VALUES = 12  # a setting with more values has no chart
MAX_POINT_NAME = 24  # the number of characters that fit beside a point
# Lengths and positions in plots are in SVG units. The small charts are the charts of
# settings.
WIDTH = 460
SMALL_WIDTH = 300
LEFT = 64  # the x position of the y axis
SMALL_LEFT = 76
SMALL_RIGHT_MARGIN = 20
# The width of a character in a small chart. The text is largest on a wide screen.
CHARACTER_WIDTH = 9.5


def plotted_indices(comparison: DatasetComparison) -> range:
    """Returns the indices of the configurations that are plotted."""
    return range(min(len(comparison.configurations), MAX_CONFIGURATIONS))


def interval_plot(comparison: DatasetComparison, task: Task) -> IntervalPlot:
    """Plots one row per configuration: the scores of its seeds, and their mean.

    The reference is the mean of the baseline.
    """
    bars = []
    reference = None
    for i in plotted_indices(comparison):
        score = task.scores[i]
        if score.interval is None:
            continue
        mean = score.interval.mean
        name = score.configuration.name
        star = " ★" if score is task.best else ""
        text = f"{interval_text(score.interval, task.decimals)}{star}"
        dots = [
            (value, f"{name}, seed {seed}: {value:.6f}")
            for seed, value in score.by_seed.items()
        ]
        bars.append(Bar(name, text, mean, *score.interval.ends, i, dots))
        if score.configuration is comparison.baseline:
            reference = mean
    return IntervalPlot(task.title, task.metric_title, bars, reference)


def trade_off_chart(comparison: DatasetComparison, first: Task, second: Task) -> Chart:
    """Plots the scores of configurations on two tasks against each other.

    A line joins the configurations on the Pareto front, see `pareto_front`. There is no
    line if one of the metrics has no direction, such as `pcoc`.
    """
    # The index of each configuration, and its intervals on the two tasks.
    points = [
        (i, a, b)
        for i in plotted_indices(comparison)
        if (a := first.scores[i].interval) is not None
        and (b := second.scores[i].interval) is not None
    ]
    x = axis_around([end for _, a, _ in points for end in a.ends], LEFT, WIDTH - 16)
    y = axis_around([end for *_, b in points for end in b.ends], 300, 30)
    chart = Chart(
        f"{first.name_with_space} against {second.name_with_space}", WIDTH, 344
    )
    chart.x_axis(x, y, f"{first.name_with_space} {first.metric_title}")
    chart.y_axis(x, y, f"{second.name_with_space} {second.metric_title}")
    signs = (first.direction, second.direction)
    gains = [(a.mean * signs[0], b.mean * signs[1]) for _, a, b in points]
    front = pareto_front(gains) if 0 not in signs else set()  # indices in `points`
    front_means = sorted((points[n][1].mean, points[n][2].mean) for n in front)
    if front_means:
        chart.path([(x(a), y(b)) for a, b in front_means], "front")
    for n, (i, a, b) in enumerate(points):
        center = x(a.mean), y(b.mean)
        if a.half_width is not None and b.half_width is not None:
            left, right = map(x, a.ends)
            low, high = map(y, b.ends)
            chart.line((left, center[1]), (right, center[1]), f"whisker {color(i)}")
            chart.line((center[0], low), (center[0], high), f"whisker {color(i)}")
        name = comparison.configurations[i].name
        front_class = " onfront" if n in front else ""
        chart.dot(center, 6, f"mean {color(i)}{front_class}", name)
        if len(points) <= NUM_COLORS and len(name) <= MAX_POINT_NAME:
            # The name of a point far to the right is to the left of the point.
            is_far_right = center[0] > WIDTH * 0.7
            anchor, shift = ("end", -10) if is_far_right else ("start", 10)
            chart.text((center[0] + shift, center[1] - 8), name, anchor)
    return chart


def pareto_front(points: list[tuple[float, float]]) -> set[int]:
    """Returns the indices of the points that no other point beats; higher is better.

    A point beats another point if none of its values is lower and one is higher.
    """
    return {
        i
        for i, (x, y) in enumerate(points)
        if not any(a >= x and b >= y and (a > x or b > y) for a, b in points)
    }


def learning_curves(comparison: DatasetComparison, task: Task) -> Chart | None:
    """Plots the metric on validation rows by epoch, one line per run.

    Only the runs of the first `NUM_COLORS` configurations are plotted.

    Returns: the chart; None if no run has the metric in its `history.csv`.
    """
    column = f"valid.{task.name}.{task.metric}"
    name = f"{task.name_with_space} validation {task.metric_title}"
    lines = []
    for i, configuration in enumerate(comparison.configurations[:NUM_COLORS]):
        for seed, run in sorted(configuration.runs.items()):
            points = []
            for row in run.history():
                epoch = finite_number(row.get("epoch"))
                value = finite_number(row.get(column))
                if epoch is not None and value is not None:
                    points.append((epoch, value))
            if points:
                x, y = zip(*points, strict=True)
                lines.append(Line(f"{configuration.name}, seed {seed}", x, y, i))
    if not lines:
        return None
    # The y axis leaves out the worst fifth of the values. The first epochs are so much
    # worse than the last epochs that they would hide the differences between runs.
    values = sorted(value for line in lines for value in line.y)
    fifth = len(values) // 5
    if task.direction > 0:
        values = values[fifth:]
    elif task.direction < 0:
        values = values[: len(values) - fifth]
    return LinePlot(f"{name} by epoch", "epoch", name, lines, values).chart()


def setting_chart(comparison: DatasetComparison, key: str, task: Task) -> Chart | None:
    """Plots the means of configurations by their value of one setting.

    A line joins the mean over configurations for each value of the setting.

    Returns: the chart; None if there is one value only, or too many.
    """
    # {value of the setting: pairs of the index of a configuration and its mean}.
    means: dict[str, list[tuple[int, float]]] = {}
    for i in plotted_indices(comparison):
        score = task.scores[i]
        value = score.configuration.settings.get(key)
        if value is not None and score.interval is not None:
            means.setdefault(value, []).append((i, score.interval.mean))
    if not 1 < len(means) <= MAX_SETTING_VALUES:
        return None
    # Numbers come first, by size; other texts follow in the order of the runs.
    numbers = {value: finite_number(value) for value in means}
    values = sorted(means, key=lambda v: (numbers[v] is None, numbers[v] or 0.0))
    x = Axis(0, len(values), SMALL_LEFT, SMALL_WIDTH - SMALL_RIGHT_MARGIN)
    y = axis_around((mean for group in means.values() for _, mean in group), 190, 30)
    chart = Chart(f"{key} and {task.name_with_space}", SMALL_WIDTH, 248)
    chart.y_axis(x, y, f"{task.name_with_space} {task.metric_title}")
    # The labels alternate between two lines, so each label has the width of two values.
    # The last label ends at the edge of the chart.
    width = (x.stop - x.start) / len(values)
    label_width = min(2 * width, width + 2 * SMALL_RIGHT_MARGIN)
    max_label = int(label_width / CHARACTER_WIDTH)
    trend = []
    for n, value in enumerate(values):
        middle = x(n + 0.5)
        label = value if len(value) <= max_label else f"{value[: max_label - 1]}…"
        chart.text((middle, 206 + 16 * (n % 2)), label, "middle", "tick")
        trend.append((middle, y(statistics.fmean(mean for _, mean in means[value]))))
        for i, mean in means[value]:
            name = comparison.configurations[i].name
            chart.dot((middle, y(mean)), 4, f"seed {color(i)}", name)
    chart.path(trend, "trend")
    name = short_key(key, comparison.differing_keys)
    chart.text(((x.start + x.stop) / 2, 240), name, "middle", "name")
    return chart
