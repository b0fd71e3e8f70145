"""Metrics of predicted numbers, such as the root mean squared error."""

import numpy as np

from mtl_cli.metrics.metric import Floats, check_labels_differ, metric


@metric(direction=1, high=1)
def r2(label: Floats, prediction: Floats, weight: Floats) -> float:
    """R squared: 1 minus the mean squared error divided by the variance of the label.

    1 is best. Predicting the mean label for every row gives 0.
    """
    check_labels_differ(label)
    mean = np.average(label, weights=weight)
    variance = np.average((label - mean) ** 2, weights=weight)
    return float(1 - rmse(label, prediction, weight) ** 2 / variance)


@metric(direction=-1, low=0)
def rmse(label: Floats, prediction: Floats, weight: Floats) -> float:
    """Root mean squared error, in the label's unit."""
    return float(np.sqrt(np.average((prediction - label) ** 2, weights=weight)))


@metric(direction=-1, low=0)
def mae(label: Floats, prediction: Floats, weight: Floats) -> float:
    """Mean absolute error, in the label's unit."""
    return float(np.average(np.abs(prediction - label), weights=weight))


@metric(direction=-1, low=0, high=1)
def truth_rmse(truth: Floats, prediction: Floats) -> float:
    """Root mean squared error of predicted probabilities against true probabilities.

    True probabilities are known for generated data. All rows count equally, so this
    metric takes no weights, unlike other metrics.
    """
    return float(np.sqrt(np.mean((prediction.astype("float64") - truth) ** 2)))
