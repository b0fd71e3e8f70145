"""Figures of matplotlib for notebooks and PNG files."""

import os
import subprocess
import sys

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


@pytest.mark.parametrize(("num_lines", "length"), [(30, 3), (30, 60), (120, 12)])
def test_legend_of_many_lines_is_below_its_panel_and_leaves_the_panel_its_height(
    num_lines: int, length: int
) -> None:
    lines = [
        Line(f"{i}".rjust(length, "t"), [1, 2], [i, i + 1]) for i in range(num_lines)
    ]
    plots = [
        LinePlot("x", "epoch", "loss", lines[:2]),
        LinePlot("y", "epoch", "", lines),
    ]
    figure = figure_of(plots)
    figure.draw_without_rendering()  # warns of a layout that does not fit
    height = figure.get_figheight()
    for axes in figure.axes:
        assert 2.2 < axes.get_position().height * height < 3.6
    panel, legend = (x.get_window_extent() for x in (axes, axes.get_legend()))
    assert legend.y1 < panel.y0
    assert legend.x0 >= 0 and legend.x1 <= figure.bbox.x1 and legend.y0 >= 0
    styles = {(line.get_color(), line.get_linestyle()) for line in axes.lines}
    assert len(styles) == min(num_lines, 40)


@pytest.mark.slow
def test_home_folder_that_cannot_be_written_causes_no_warning() -> None:
    program = [sys.executable, "-c", "import mtl_cli.pages.figures"]
    not_set = ("MPLCONFIGDIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME")
    variables = {k: v for k, v in os.environ.items() if k not in not_set}
    variables["HOME"] = os.devnull
    done = subprocess.run(program, env=variables, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
