"""Draws the scores of configurations by their value of one setting."""

import statistics

from mtl_cli.comparison.configurations import short_key
from mtl_cli.comparison.plots import plotted_indices
from mtl_cli.comparison.results import DatasetComparison
from mtl_cli.comparison.runs import finite_number
from mtl_cli.comparison.task import Task
from mtl_cli.pages.charts import Axis, Chart, axis_around, color, cut_label

MAX_SETTING_VALUES = 12  # a setting with more values has no chart
# Lengths and positions in SVG units. LEFT is the x position of the y axis. TOP and
# BOTTOM are the y positions of the ends of the y axis.
WIDTH = 300
HEIGHT = 248
LEFT = 76
RIGHT_MARGIN = 20
TOP = 30
BOTTOM = 190
VALUE_Y = 206  # the first of two lines with the values of the setting
VALUE_LINE_HEIGHT = 16
SETTING_NAME_Y = 240
CHARACTER_WIDTH = 9.5  # in a label on a wide screen, where the font is largest
MEAN_RADIUS = 4


def setting_chart(comparison: DatasetComparison, key: str, task: Task) -> Chart | None:
    """Plots the means of configurations by their value of one setting.

    A dot is the mean of a configuration. For each value, the mean of its dots is a
    point of the line.

    Returns: the chart; None if the setting has a single value, or more than
        `MAX_SETTING_VALUES`.
    """
    means = means_by_value(comparison, key, task)
    if not 1 < len(means) <= MAX_SETTING_VALUES:
        return None
    values = numbers_first(list(means))
    # Each value has a slot of width 1 on the x axis, and its dots in the middle.
    x = Axis(0, len(values), LEFT, WIDTH - RIGHT_MARGIN)
    all_means = [mean for pairs in means.values() for _, mean in pairs]
    y = axis_around(all_means, BOTTOM, TOP)
    chart = Chart(f"{key} and {task.name_with_space}", WIDTH, HEIGHT)
    chart.y_axis(x, y, f"{task.name_with_space} {task.metric_title}")
    max_length = max_label_length(x, len(values))
    trend = []
    for position, value in enumerate(values):
        middle = x(position + 0.5)
        label = cut_label(value, max_length)
        label_y = VALUE_Y + VALUE_LINE_HEIGHT * (position % 2)
        chart.text((middle, label_y), label, "middle", "tick")
        trend.append((middle, y(statistics.fmean(mean for _, mean in means[value]))))
        for i, mean in means[value]:
            name = comparison.configurations[i].name
            chart.dot((middle, y(mean)), MEAN_RADIUS, f"seed {color(i)}", name)
    chart.path(trend, "trend")
    setting_name = short_key(key, comparison.differing_keys)
    center = (x.start + x.stop) / 2
    chart.text((center, SETTING_NAME_Y), setting_name, "middle", "name")
    return chart


def max_label_length(x: Axis, num_values: int) -> int:
    """Returns how many characters of a value fit below the axis.

    The labels alternate between two lines, so a label may be two slots wide. The last
    label is centered in its slot, so half of it may reach into the right margin.
    """
    slot_width = (x.stop - x.start) / num_values
    label_width = min(2 * slot_width, slot_width + 2 * RIGHT_MARGIN)
    return int(label_width / CHARACTER_WIDTH)


def means_by_value(
    comparison: DatasetComparison, key: str, task: Task
) -> dict[str, list[tuple[int, float]]]:
    """Returns {value of the setting: pairs of a configuration's index and its mean}."""
    means: dict[str, list[tuple[int, float]]] = {}
    for i in plotted_indices(comparison):
        score = task.scores[i]
        value = score.configuration.settings.get(key)
        if value is not None and score.interval is not None:
            means.setdefault(value, []).append((i, score.interval.mean))
    return means


def numbers_first(values: list[str]) -> list[str]:
    """Sorts numbers by size; other texts follow in their old order."""
    numbers = {value: finite_number(value) for value in values}
    return sorted(values, key=lambda x: (numbers[x] is None, numbers[x] or 0.0))
