"""The plot that all kinds of tasks have."""

from mtl_cli.metrics.calibration import calibration_buckets
from mtl_cli.metrics.metric import Floats
from mtl_cli.pages.line_plots import Line, LinePlot


def calibration_plot(label: Floats, prediction: Floats, weight: Floats) -> LinePlot:
    """Plots the mean label over the mean prediction of each bucket of rows."""
    predicted, actual, weights = calibration_buckets(label, prediction, weight)
    buckets = zip(weights / weights.sum(), predicted, actual, strict=True)
    tooltips = [
        f"{fraction:.0%} of the rows: predicted {x:.4g}, actual {y:.4g}"
        for fraction, x, y in buckets
    ]
    points = predicted.tolist(), actual.tolist()
    line = Line("calibration", *points, tooltips=tooltips)
    axes = "mean prediction", "mean label"
    return LinePlot("calibration", *axes, [line], diagonal=True)
