"""Draws a chart of mean scores against the values of one setting.

An axis, `x` or `y`, is called as a function: `x(value)` is the position of a value in
SVG units.
"""

from statistics import fmean
from typing import NamedTuple

from mtl_cli.comparison.configurations import short_key
from mtl_cli.comparison.plots import plotted_indices
from mtl_cli.comparison.results import DatasetComparison
from mtl_cli.comparison.runs import finite_number
from mtl_cli.comparison.task import Task
from mtl_cli.pages.charts import Axis, Chart, axis_around, color_class, cut_label

MAX_SETTING_VALUES = 12  # a setting with more values has no chart
# Lengths and positions in SVG units. LEFT is the x position of the y axis. TOP and
# BOTTOM are the y positions of the ends of the y axis.
WIDTH = 300
HEIGHT = 248
LEFT = 76
RIGHT_MARGIN = 20
TOP = 30
BOTTOM = 190
LABEL_Y = 206  # the y position of the first of two lines of labels
LABEL_LINE_HEIGHT = 16
SETTING_NAME_Y = 240
CHARACTER_WIDTH = 9.5  # in a label on a wide screen, where the font is largest
DOT_RADIUS = 4


class MeanDot(NamedTuple):
    """The dot of a configuration.

    Attributes:
        config_index: the index of the configuration in the comparison.
        mean: its mean score.
    """

    config_index: int
    mean: float


def setting_chart(comparison: DatasetComparison, key: str, task: Task) -> Chart | None:
    """Draws the mean score of each configuration at its value of a setting, as a dot.

    The values of the setting are side by side on the x axis. A line joins the means of
    the dots at each value.

    Returns: the chart; None if the setting has a single value, or more than
        `MAX_SETTING_VALUES`.
    """
    dots_by_value = group_by_value(comparison, key, task)
    if not 1 < len(dots_by_value) <= MAX_SETTING_VALUES:
        return None
    values = numbers_first(list(dots_by_value))
    # On the x axis, each value has a slot of width 1, and its dots in the middle.
    x = Axis(0, len(values), LEFT, WIDTH - RIGHT_MARGIN)
    all_means = [dot.mean for dots in dots_by_value.values() for dot in dots]
    y = axis_around(all_means, BOTTOM, TOP)
    chart = Chart(f"{key} and {task.name_with_space}", WIDTH, HEIGHT)
    chart.y_axis(x, y, f"{task.name_with_space} {task.metric_title}")
    labels = distinct_labels(values, max_label_length(x, len(values)))
    mean_points = []
    for position, (value, label) in enumerate(zip(values, labels, strict=True)):
        middle = x(position + 0.5)
        label_y = LABEL_Y + LABEL_LINE_HEIGHT * (position % 2)
        chart.text((middle, label_y), label, "middle", "tick", tooltip=value)
        dots = dots_by_value[value]
        mean_points.append((middle, y(fmean(dot.mean for dot in dots))))
        for i, mean in dots:
            name = comparison.configurations[i].name
            chart.dot((middle, y(mean)), DOT_RADIUS, f"seed {color_class(i)}", name)
    chart.path(mean_points, "trend")
    setting_name = short_key(key, comparison.differing_keys)
    center = (x.start + x.stop) / 2
    chart.text((center, SETTING_NAME_Y), setting_name, "middle", "name")
    return chart


def group_by_value(
    comparison: DatasetComparison, key: str, task: Task
) -> dict[str, list[MeanDot]]:
    """Returns {value of the setting: the dots of the configurations with it}."""
    dots_by_value: dict[str, list[MeanDot]] = {}
    for i in plotted_indices(comparison):
        score = task.scores[i]
        value = score.configuration.settings.get(key)
        if value is not None and score.interval is not None:
            dot = MeanDot(i, score.interval.mean)
            dots_by_value.setdefault(value, []).append(dot)
    return dots_by_value


def numbers_first(values: list[str]) -> list[str]:
    """Sorts numbers by size; other texts follow in their old order."""
    numbers = {value: finite_number(value) for value in values}
    return sorted(values, key=lambda x: (numbers[x] is None, numbers[x] or 0.0))


def max_label_length(x: Axis, num_values: int) -> int:
    """Returns how many characters of a label fit below the x axis.

    The labels alternate between two lines, so a label may be two slots wide. The last
    label is centered in its slot, so half of it may reach into the right margin.
    """
    slot_width = (x.stop - x.start) / num_values
    label_width = min(2 * slot_width, slot_width + 2 * RIGHT_MARGIN)
    return int(label_width / CHARACTER_WIDTH)


def distinct_labels(values: list[str], max_length: int) -> list[str]:
    """Returns a label of at most `max_length` characters for each value.

    Longer numbers are written with an exponent, other long texts are cut. If two labels
    would be equal, the labels are `#1`, `#2` and so on.
    """
    labels = []
    for value in values:
        text = value if len(value) <= max_length else with_exponent(value)
        labels.append(cut_label(text, max_length))
    if len(set(labels)) == len(labels):
        return labels
    return [f"#{number}" for number in range(1, len(values) + 1)]


def with_exponent(text: str) -> str:
    """Writes a number with an exponent: `3e-4` for `0.0003`. Other texts stay."""
    number = finite_number(text)
    if number is None:
        return text
    digits, _, exponent = f"{number:.11e}".partition("e")
    return f"{digits.rstrip('0').rstrip('.')}e{int(exponent)}"
