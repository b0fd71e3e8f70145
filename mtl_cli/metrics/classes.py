"""Metrics of predicted classes. Some of the metrics need classes with an order."""

import numpy as np

from mtl_cli.metrics.metric import Floats, UndefinedError, metric


@metric(direction=1, several_predictions=True, low=0, high=1)
def accuracy(label: Floats, prediction: Floats, weight: Floats) -> float:
    """Accuracy: the fraction of rows whose most probable class is their label."""
    return float(np.average(prediction.argmax(axis=1) == label, weights=weight))


@metric(direction=1, name="qwk", several_predictions=True, ordered=True, low=-1, high=1)
def quadratic_weighted_kappa(
    label: Floats, prediction: Floats, weight: Floats
) -> float:
    """Quadratic weighted kappa: agreement of the predicted class with the label.

    The value is 1 - observed / by_chance: observed is the mean squared difference of
    predicted and actual rank, and by_chance is the expected mean if the predicted ranks
    were shuffled among the rows. 1 is best; 0 is no better than chance. The predicted
    rank is the median class, see `median_rank`.

    Reference: Cohen, "Weighted Kappa", Psychological Bulletin 1968.
    """
    if label.min() == label.max():
        raise UndefinedError(f"one class only: all {len(label)} rows")
    rank = median_rank(prediction)
    if rank.min() == rank.max():
        return 0.0  # exactly; the formula below would round
    observed = np.average((rank - label) ** 2, weights=weight)
    mean_rank = np.average(rank, weights=weight)
    mean_label = np.average(label, weights=weight)
    rank_variance = np.average((rank - mean_rank) ** 2, weights=weight)
    label_variance = np.average((label - mean_label) ** 2, weights=weight)
    # The mean squared difference of a predicted rank and a label of another row.
    by_chance = rank_variance + label_variance + (mean_rank - mean_label) ** 2
    return float(1 - observed / by_chance)


@metric(direction=-1, several_predictions=True, ordered=True, low=0)
def rank_mae(label: Floats, prediction: Floats, weight: Floats) -> float:
    """Mean absolute difference of predicted and actual rank, in classes; 0 is best.

    The predicted rank is the median class, see `median_rank`.
    """
    return float(np.average(np.abs(median_rank(prediction) - label), weights=weight))


def median_rank(prediction: Floats) -> Floats:
    """Returns the median class of each row: the lowest rank k with P(y > k) <= 1/2."""
    # P(y > k) for the ranks k from classes - 2 down to 0, (rows, classes - 1): sums of
    # the probabilities of the last class, the last two classes, and so on.
    above = np.cumsum(prediction[:, :0:-1], axis=1)
    ranks: Floats = (above > 0.5).sum(axis=1).astype("float64")
    return ranks
