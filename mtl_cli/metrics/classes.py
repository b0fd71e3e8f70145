"""Metrics of predicted classes, some of which have an order."""

import numpy as np

from mtl_cli.metrics.metric import Floats, UndefinedError, metric


@metric(direction=1, of_classes=True)
def accuracy(label: Floats, prediction: Floats, weight: Floats) -> float:
    """Accuracy: the fraction of rows whose most probable class is their label.

    A row counts with its weight.
    """
    return float(np.average(prediction.argmax(axis=1) == label, weights=weight))


@metric(direction=1, name="qwk", of_classes=True)
def quadratic_weighted_kappa(
    label: Floats, prediction: Floats, weight: Floats
) -> float:
    """Quadratic weighted kappa: agreement of the predicted class with the label.

    The value is 1 minus the mean squared difference of predicted and actual rank,
    divided by this mean for independent predictions with the same frequencies. 1 is
    best; 0 is no better than chance. The predicted class is the median of the predicted
    probabilities.

    Reference: Cohen, "Weighted Kappa", Psychological Bulletin 1968.
    """
    if label.min() == label.max():
        raise UndefinedError(f"one class only: all {len(label)} rows")
    rank = median_rank(prediction)
    observed = np.average((rank - label) ** 2, weights=weight)
    means = [np.average(x, weights=weight) for x in (rank, label)]
    variances = [
        np.average((x - mean) ** 2, weights=weight)
        for x, mean in zip((rank, label), means, strict=True)
    ]
    # The mean squared difference of a predicted rank and a label of another row.
    by_chance = sum(variances) + (means[0] - means[1]) ** 2
    return float(1 - observed / by_chance)


@metric(direction=-1, of_classes=True)
def rank_mae(label: Floats, prediction: Floats, weight: Floats) -> float:
    """Mean absolute difference of predicted and actual rank: how many classes apart.

    The predicted class is the median of the predicted probabilities; 0 is best.
    """
    return float(np.average(np.abs(median_rank(prediction) - label), weights=weight))


def median_rank(prediction: Floats) -> Floats:
    """Returns the lowest rank k with P(y > k) of at most 1/2, (rows,).

    Args:
        prediction: the probability of each class, (rows, classes).
    """
    above = np.cumsum(prediction[:, :0:-1], axis=1)  # P(y > k), from the last k to 0
    ranks: Floats = (above > 0.5).sum(axis=1).astype("float64")
    return ranks
