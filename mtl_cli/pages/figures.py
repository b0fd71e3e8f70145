"""Draws plots with matplotlib, for notebooks and for PNG files.

`pyplot` would change the state of matplotlib in the caller's process, so the figures
are made without `pyplot`.
"""

import contextlib
import io
import math
from collections.abc import Sequence
from pathlib import Path

from mtl_cli.pages.charts import cut_label
from mtl_cli.pages.interval_plots import IntervalPlot
from mtl_cli.pages.line_plots import LinePlot

# The import of matplotlib reads a file `matplotlibrc` in the current folder. Somebody
# else may have put that file there.
with contextlib.chdir("/"):
    import matplotlib.backends.backend_agg  # noqa: F401
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

PANEL_WIDTH, PANEL_HEIGHT = 4.5, 3.4  # inches
MAX_COLUMNS = 4
MAX_LEGEND = 11  # more lines than matplotlib has colours have no legend
DPI = 110  # dots per inch of PNG files
# The longest names in characters; longer names are cut.
MAX_NAME_LENGTH = 41
MAX_ROW_NAME_LENGTH = 25


class NotebookFigure(Figure):
    """A figure that notebooks display although `pyplot` is not imported."""

    def _repr_png_(self) -> bytes:
        data = io.BytesIO()
        self.savefig(data, format="png", dpi=DPI)
        return data.getvalue()


def figure_of(plots: Sequence[LinePlot | IntervalPlot]) -> NotebookFigure:
    """Draws each plot in its own panel, with at most `MAX_COLUMNS` panels in a row."""
    columns = min(len(plots), MAX_COLUMNS)
    rows = math.ceil(len(plots) / columns)
    size = PANEL_WIDTH * columns, PANEL_HEIGHT * rows
    figure = NotebookFigure(figsize=size, layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).flat
    # `panels` is an iterator. If `panels` were the first argument, `zip` would take one
    # more panel after the last plot, and the loop below would not remove this panel.
    for plot, axes in zip(plots, panels, strict=False):
        if isinstance(plot, LinePlot):
            draw_lines(axes, plot)
        else:
            draw_intervals(axes, plot)
        axes.set_title(plain(plot.title), fontsize="medium")
        axes.grid(alpha=0.3)
    for axes in panels:  # the remaining panels of the last row have no plot
        axes.remove()
    return figure


def draw_lines(axes: Axes, plot: LinePlot) -> None:
    drawn, labels = [], []
    for line in plot.lines:
        drawn += axes.plot(line.x, line.y, marker=".")
        labels.append(plain(line.label))
    if plot.diagonal:
        axes.axline((0, 0), slope=1, color="gray", linestyle=":")
    if plot.kept_epoch is not None:
        drawn.append(axes.axvline(plot.kept_epoch, color="gray", linestyle=":"))
        labels.append("kept")
    if len(plot.lines) > 1 and len(labels) <= MAX_LEGEND:
        # Labels that begin with "_" are left out, unless the legend is given them.
        axes.legend(drawn, labels, fontsize="small")
    if plot.x_name == "epoch":
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel=plain(plot.x_name), ylabel=plain(plot.y_name))


def draw_intervals(axes: Axes, plot: IntervalPlot) -> None:
    """Draws one row per value: a dot at the value, and a line for its interval."""
    for row, bar in enumerate(plot.bars):
        axes.plot([bar.low, bar.high], [row, row], linewidth=4, alpha=0.4, color="C0")
        axes.plot(bar.value, row, "o", color="C0")
    names = [plain(bar.name, MAX_ROW_NAME_LENGTH) for bar in plot.bars]
    axes.set_yticks(range(len(names)), names, fontsize="small")
    axes.set_ylim(len(names) - 0.5, -0.5)  # reversed: the first row is at the top
    if plot.reference is not None:
        axes.axvline(plot.reference, color="gray", linestyle=":")
    axes.set(xlabel=plain(plot.x_name))


def plain(text: str, max_length: int = MAX_NAME_LENGTH) -> str:
    """Cuts a long text, and escapes "$": it would begin a formula in matplotlib."""
    return cut_label(text, max_length).replace("$", r"\$")


def write_png(plots: Sequence[LinePlot], path: Path) -> None:
    """Draws plots beside each other, and writes them into one PNG file."""
    figure_of(plots).savefig(path, dpi=DPI)
