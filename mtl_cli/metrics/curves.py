"""Curves of binary predictions, to be plotted: ROC, precision-recall, scores."""

import numpy as np

from mtl_cli.metrics.auc import weights_by_score
from mtl_cli.metrics.metric import Floats

MAX_POINTS = 200  # of a curve
NUM_BINS = 40
Points = tuple[list[float], list[float]]


def roc_curve(label: Floats, prediction: Floats, weight: Floats) -> Points:
    """Returns the false and true positive rates at each threshold, from (0, 0) on.

    Raises:
        UndefinedError: if all rows are of one class.
    """
    positive, negative = (
        np.append(0, np.cumsum(x[::-1]))
        for x in weights_by_score(label, prediction, weight)
    )
    x, y = negative / negative[-1], positive / positive[-1]
    return thinned(x, y, x + y)


def precision_recall_curve(label: Floats, prediction: Floats, weight: Floats) -> Points:
    """Returns the recall and the precision at each threshold.

    Raises:
        UndefinedError: if all rows are of one class.
    """
    positive, negative = (
        np.cumsum(x[::-1]) for x in weights_by_score(label, prediction, weight)
    )
    recall = positive / positive[-1]
    return thinned(recall, positive / (positive + negative), recall)


def thinned(x: Floats, y: Floats, progress: Floats) -> Points:
    """Returns about `MAX_POINTS` points of a curve, with its first and its last.

    Args:
        x: the x of each point.
        y: the y of each point.
        progress: the position of each point along the curve; must not descend.
    """
    steps = np.linspace(progress[0], progress[-1], MAX_POINTS)
    indices = np.unique([0, *np.searchsorted(progress, steps), len(x) - 1])
    indices = indices[indices < len(x)]
    return x[indices].tolist(), y[indices].tolist()


def histogram(values: Floats, weight: Floats, low: float, high: float) -> Points:
    """Returns the middle of each of 40 bins, and the share of all weight in it.

    Args:
        values: the values, (rows,).
        weight: the weight of each row, (rows,).
        low: the lower end of the first bin.
        high: the upper end of the last bin; above `low`.
    """
    weights, edges = np.histogram(values, NUM_BINS, (low, high), weights=weight)
    middles = (edges[1:] + edges[:-1]) / 2
    return middles.tolist(), (weights / (weight.sum() or 1.0)).tolist()
