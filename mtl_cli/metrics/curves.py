"""Points of the plots of predictions: ROC, precision-recall, gain, histogram."""

import numpy as np

from mtl_cli.metrics.auc import weights_by_prediction
from mtl_cli.metrics.metric import Floats

MAX_POINTS = 200  # about the largest number of points of a curve
NUM_BINS = 40  # the number of bins of a histogram
# The x coordinates and the y coordinates of some points.
Points = tuple[list[float], list[float]]


def roc_curve(label: Floats, prediction: Floats, weight: Floats) -> Points:
    """Returns false positive rates (x) and true positive rates (y), from (0, 0)."""
    sums = weights_by_prediction(label, prediction, weight)
    positive, negative = (np.append(0, np.cumsum(x[::-1])) for x in sums)
    x, y = negative / negative[-1], positive / positive[-1]
    return thin_out(x, y, x + y)


def precision_recall_curve(label: Floats, prediction: Floats, weight: Floats) -> Points:
    """Returns the recall (x) and the precision (y) at decreasing thresholds."""
    sums = weights_by_prediction(label, prediction, weight)
    positive, negative = (np.cumsum(x[::-1]) for x in sums)
    recall = positive / positive[-1]
    return thin_out(recall, positive / (positive + negative), recall)


def thin_out(x: Floats, y: Floats, distance: Floats) -> Points:
    """Selects about `MAX_POINTS` points that are spread evenly along a curve.

    `distance` is the distance along the curve at which each point lies, ascending.
    """
    even_distances = np.linspace(distance[0], distance[-1], MAX_POINTS)
    # If several points lie at the last distance, the search finds the first of them.
    indices = np.unique([*np.searchsorted(distance, even_distances), len(x) - 1])
    return x[indices].tolist(), y[indices].tolist()


def histogram(values: Floats, weight: Floats, low: float, high: float) -> Points:
    """Returns the middle of each bin, and the bin's share of all weight."""
    weights, edges = np.histogram(values, NUM_BINS, (low, high), weights=weight)
    middles = (edges[1:] + edges[:-1]) / 2
    total = weight.sum() or 1.0  # If all weights are 0, all fractions are 0.
    return middles.tolist(), (weights / total).tolist()
