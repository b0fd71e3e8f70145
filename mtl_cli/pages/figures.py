"""Draws plots with matplotlib, for notebooks and for PNG files.

The figures are made without `pyplot`, so they change no state of the caller's process.
"""

import io
import math
from collections.abc import Sequence
from pathlib import Path

from mtl_cli.core.private_doors import outside_of_current_folder
from mtl_cli.pages.interval_charts import IntervalPlot
from mtl_cli.pages.line_plots import LinePlot

with outside_of_current_folder():
    import matplotlib.backends.backend_agg  # noqa: F401
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

PANEL_WIDTH, PANEL_HEIGHT = 4.5, 3.4  # in inches
MAX_COLUMNS = 4
MAX_NAME, MAX_ROW_NAME = 40, 24  # characters


class NotebookFigure(Figure):
    """A figure that notebooks show, even if `pyplot` was never imported."""

    def _repr_png_(self) -> bytes:
        data = io.BytesIO()
        self.savefig(data, format="png", dpi=110)
        return data.getvalue()


def figure_of(plots: Sequence[LinePlot | IntervalPlot]) -> NotebookFigure:
    """Returns a figure with one panel per plot, at most four beside each other."""
    columns = min(len(plots), MAX_COLUMNS)
    rows = math.ceil(len(plots) / columns)
    size = (PANEL_WIDTH * columns, PANEL_HEIGHT * rows)
    figure = NotebookFigure(figsize=size, layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).flat
    for axes, plot in zip(panels, plots, strict=False):
        if isinstance(plot, LinePlot):
            draw_lines(axes, plot)
        else:
            draw_intervals(axes, plot)
        axes.set_title(plain(plot.title), fontsize="medium")
        axes.grid(alpha=0.3)
    for axes in list(panels):  # the last row may have empty panels
        axes.remove()
    return figure


def draw_lines(axes: Axes, plot: LinePlot) -> None:
    """Draws the lines of a plot."""
    for line in plot.lines:
        axes.plot(line.x, line.y, marker=".", label=plain(line.label))
    if plot.diagonal:
        axes.axline((0, 0), slope=1, color="gray", linestyle=":")
    if plot.kept_epoch is not None:
        axes.axvline(plot.kept_epoch, color="gray", linestyle=":", label="kept")
    if len(plot.lines) > 1:
        axes.legend(fontsize="small")
    if plot.x_name == "epoch":
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel=plain(plot.x_name), ylabel=plain(plot.y_name))


def draw_intervals(axes: Axes, plot: IntervalPlot) -> None:
    """Draws one row per value: a dot, and the line of its interval."""
    for row, bar in enumerate(plot.bars):
        axes.plot([bar.low, bar.high], [row, row], linewidth=4, alpha=0.4, color="C0")
        axes.plot(bar.value, row, "o", color="C0")
    names = [plain(bar.name, MAX_ROW_NAME) for bar in plot.bars]
    axes.set_yticks(range(len(names)), names, fontsize="small")
    axes.set_ylim(len(names) - 0.5, -0.5)  # the first row is at the top
    if plot.reference is not None:
        axes.axvline(plot.reference, color="gray", linestyle=":")
    axes.set(xlabel=plain(plot.x_name))


def plain(text: str, length: int = MAX_NAME) -> str:
    """Returns a text that matplotlib shows unchanged: a dollar begins no formula.

    A longer text than `length` is cut, since it would take the space of the plot.
    """
    cut = text if len(text) <= length else f"{text[:length]}…"
    return cut.replace("$", r"\$")


def write_png(plots: Sequence[LinePlot], path: Path) -> None:
    """Writes plots into one PNG file."""
    figure_of(plots).savefig(path, dpi=110)
