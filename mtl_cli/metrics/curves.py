"""Points of the plots of predictions: ROC curve, precision-recall curve, histogram."""

import numpy as np

from mtl_cli.metrics.auc import weights_by_score
from mtl_cli.metrics.metric import Floats

MAX_POINTS = 200  # about the largest number of points of a curve
NUM_BINS = 40
# The x coordinates and the y coordinates of some points.
Points = tuple[list[float], list[float]]


def roc_curve(label: Floats, prediction: Floats, weight: Floats) -> Points:
    """Returns the false (x) and true (y) positive rates at decreasing thresholds.

    The curve goes from (0, 0) to (1, 1) and is thinned to about 200 points.

    Raises:
        UndefinedError: if all rows are of one class.
    """
    positive, negative = (
        np.append(0, np.cumsum(x[::-1]))
        for x in weights_by_score(label, prediction, weight)
    )
    x, y = negative / negative[-1], positive / positive[-1]
    return thin_out(x, y, x + y)


def precision_recall_curve(label: Floats, prediction: Floats, weight: Floats) -> Points:
    """Returns the recall (x) and the precision (y) at decreasing thresholds.

    The curve is thinned to about 200 points.

    Raises:
        UndefinedError: if all rows are of one class.
    """
    positive, negative = (
        np.cumsum(x[::-1]) for x in weights_by_score(label, prediction, weight)
    )
    recall = positive / positive[-1]
    return thin_out(recall, positive / (positive + negative), recall)


def thin_out(x: Floats, y: Floats, position: Floats) -> Points:
    """Selects about `MAX_POINTS` points that are spread evenly along a curve.

    The first and the last point are kept.

    Args:
        x: the x coordinates, (points,).
        y: the y coordinates, (points,).
        position: the position of each point along the curve, (points,). Positions never
            descend.
    """
    positions = np.linspace(position[0], position[-1], MAX_POINTS)
    indices = np.unique([0, *np.searchsorted(position, positions), len(x) - 1])
    indices = indices[indices < len(x)]
    return x[indices].tolist(), y[indices].tolist()


def histogram(values: Floats, weight: Floats, low: float, high: float) -> Points:
    """Returns the middle of each of 40 bins, and the fraction of all weight in the bin.

    Args:
        values: the values, (rows,).
        weight: the weight of each row, (rows,).
        low: the lower end of the first bin.
        high: the upper end of the last bin; above `low`.
    """
    weights, edges = np.histogram(values, NUM_BINS, (low, high), weights=weight)
    middles = (edges[1:] + edges[:-1]) / 2
    total = weight.sum() or 1.0  # without weight, all fractions are 0
    return middles.tolist(), (weights / total).tolist()
