"""The plot that all kinds of tasks have."""

from mtl_cli.metrics.calibration import calibration_buckets
from mtl_cli.metrics.metric import Floats
from mtl_cli.pages.line_plots import Line, LinePlot


def calibration_plot(label: Floats, prediction: Floats, weight: Floats) -> LinePlot:
    """Plots the mean label against the mean prediction of each bucket of rows."""
    predicted, actual, weights = calibration_buckets(label, prediction, weight)
    shares = weights / weights.sum()
    buckets = zip(shares, predicted, actual, strict=True)
    tooltips = [
        f"{share:.0%} of the rows: predicted {x:.4g}, actual {y:.4g}"
        for share, x, y in buckets
    ]
    points = predicted.tolist(), actual.tolist()
    line = Line("calibration", *points, tooltips=tooltips)
    axes = "mean prediction", "mean label"
    return LinePlot("calibration", *axes, [line], diagonal=True)
