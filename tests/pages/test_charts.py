"""Charts: positions, marks, and the lines of plots."""

import math

import pytest

from mtl_cli.pages.charts import Axis, Chart, axis_around, tick_text
from mtl_cli.pages.line_plots import Line, LinePlot


def marks_of(chart: Chart, tag: str, css_class: str) -> list[dict]:
    """The attributes of all marks of a class."""
    return [
        mark.attributes
        for mark in [*chart.marks, *chart.clipped]
        if mark.tag == tag and css_class in str(mark.attributes["class"]).split()
    ]


def test_axes_have_round_ticks_inside() -> None:
    ticks = Axis(0.9213, 0.9287, 0, 100).ticks()
    assert ticks == pytest.approx([0.922, 0.924, 0.926, 0.928])
    assert tick_text(ticks[0]) == "0.922"
    axis = axis_around([0.5], 0, 10)
    assert axis.low < 0.5 < axis.high


@pytest.mark.parametrize("x", [1e-9, 0.3, 1.0, 123.4, 1e16])
@pytest.mark.parametrize("ulps", range(1, 9))
def test_values_that_are_nearly_equal_have_ticks(x: float, ulps: int) -> None:
    axis = axis_around([x, x + ulps * math.ulp(x)], 0, 100)
    ticks = axis.ticks()
    texts = [tick_text(tick) for tick in ticks]
    assert len(set(texts)) == len(texts) > 1


def test_ticks_that_would_not_fit_beside_an_axis_are_written_with_exponents() -> None:
    ticks = Axis(-3e7, 1.3e8, 0, 100).ticks()
    assert [tick_text(tick) for tick in ticks] == ["0", "5e+07", "1e+08"]
    assert tick_text(5e6) == "5,000,000"


def test_line_is_drawn_through_its_defined_points() -> None:
    line = Line("click auc", [1, 2, 3], [0.5, math.nan, 0.7], color=2)
    chart = LinePlot("validation", "epoch", "auc", [line]).chart()
    (path,) = marks_of(chart, "path", "curve")
    start, stop = (tuple(map(float, p.split())) for p in path["d"][1:].split("L"))
    assert path["class"] == "curve c2"
    assert start[0] < stop[0] and start[1] > stop[1]  # y grows downwards
    assert marks_of(chart, "circle", "seed") == []


def test_dot_has_the_tooltip_of_its_own_value() -> None:
    line = Line("click", [1, 2, 3], [0.5, math.nan, 0.7], tooltips=["a", "b", "c"])
    chart = LinePlot("calibration", "x", "y", [line]).chart()
    marks = [*chart.marks, *chart.clipped]
    assert [mark.tooltip for mark in marks if mark.tag == "circle"] == ["a", "c"]


def test_line_of_one_point_is_a_dot() -> None:
    chart = LinePlot("loss", "epoch", "loss", [Line("click", [1], [0.5])]).chart()
    assert len(marks_of(chart, "circle", "seed")) == 1


def test_line_without_points_is_not_drawn() -> None:
    for line in (Line("click", [], []), Line("click", [1], [math.nan])):
        chart = LinePlot("loss", "epoch", "loss", [line]).chart()
        assert marks_of(chart, "path", "curve") == []


def test_kept_epoch_and_diagonal_are_reference_lines() -> None:
    line = Line("click", [1, 2], [0.5, 0.6])
    chart = LinePlot("validation", "epoch", "auc", [line], kept_epoch=2).chart()
    (kept,) = marks_of(chart, "line", "reference")
    (curve,) = marks_of(chart, "path", "curve")
    assert f"L{kept['x1']} " in curve["d"]
    diagonal = LinePlot("calibration", "x", "y", [line], diagonal=True).chart()
    assert len(marks_of(diagonal, "path", "reference")) == 1
