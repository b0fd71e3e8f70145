"""Writes plots of lines as PNG files."""

from pathlib import Path

from mtl_cli.core.private_doors import outside_of_current_folder
from mtl_cli.pages.line_plots import LinePlot

with outside_of_current_folder():
    import matplotlib.backends.backend_agg  # noqa: F401
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator


def write_png(plots: list[LinePlot], path: Path) -> None:
    """Writes plots side by side into one PNG file."""
    figure = Figure(figsize=(4.5 * len(plots), 3.4), layout="constrained")
    all_axes = figure.subplots(1, len(plots), squeeze=False)[0]
    for axes, plot in zip(all_axes, plots, strict=True):
        for line in plot.lines:
            axes.plot(line.x, line.y, marker=".", label=line.label)
        if plot.diagonal:
            axes.axline((0, 0), slope=1, color="gray", linestyle=":")
        if plot.kept_epoch is not None:
            axes.axvline(plot.kept_epoch, color="gray", linestyle=":", label="kept")
        if len(plot.lines) > 1:
            axes.legend(fontsize="small")
        if plot.x_name == "epoch":
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set(title=plot.title, xlabel=plot.x_name, ylabel=plot.y_name)
        axes.grid(alpha=0.3)
    figure.savefig(path, dpi=110)
