"""Figures of matplotlib for notebooks and PNG files."""

import pytest

from mtl_cli.pages.figures import figure_of
from mtl_cli.pages.line_plots import Line, LinePlot


@pytest.mark.parametrize("num_plots", [1, 4, 5, 8])
def test_figure_has_one_panel_per_plot_and_no_empty_panel(num_plots: int) -> None:
    plots = [
        LinePlot(f"plot {i}", "epoch", "loss", [Line("a", [1, 2], [0.5, 0.4])])
        for i in range(num_plots)
    ]
    titles = [axes.get_title() for axes in figure_of(plots).axes]
    assert titles == [plot.title for plot in plots]


def test_legend_names_every_line_and_the_kept_epoch() -> None:
    lines = [Line(name, [1, 2], [0.5, 0.4]) for name in ("_a", "b")]
    (axes,) = figure_of([LinePlot("x", "epoch", "loss", lines, kept_epoch=1)]).axes
    texts = [text.get_text() for text in axes.get_legend().get_texts()]
    assert texts == ["_a", "b", "kept"]


def test_many_lines_have_no_legend() -> None:
    lines = [Line(f"{i}", [1, 2], [i, i + 1]) for i in range(12)]
    (axes,) = figure_of([LinePlot("x", "epoch", "loss", lines)]).axes
    assert axes.get_legend() is None
