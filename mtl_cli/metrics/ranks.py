"""Metrics that compare ranks: of predicted classes in an order, and of amounts."""

import numpy as np

from mtl_cli.metrics.metric import Floats, UndefinedError, check_labels_differ, metric


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


@metric(direction=1)
def spearman(label: Floats, prediction: Floats, weight: Floats) -> float:
    """Spearman's rank correlation of label and prediction.

    Equal values have the mean of their ranks. 1 is best; a random order has the value
    0, and so has a constant prediction. A row of weight 2 counts as two equal rows.
    """
    check_labels_differ(label)
    x, y = (mid_ranks(values, weight) for values in (label, prediction))
    x -= np.average(x, weights=weight)
    y -= np.average(y, weights=weight)
    products = (weight * x * x).sum() * (weight * y * y).sum()
    return float((weight * x * y).sum() / np.sqrt(products)) if products else 0.0


def mid_ranks(values: Floats, weight: Floats) -> Floats:
    """Returns the weight of the rows below each row, plus half of the equal rows'."""
    _, position = np.unique(values, return_inverse=True)
    weights = np.bincount(position, weight)
    return (np.cumsum(weights) - weights / 2)[position]
