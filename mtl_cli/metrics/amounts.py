"""Metrics of predicted mean amounts, such as money. Many amounts may be 0."""

import numpy as np

from mtl_cli.metrics.metric import Floats, check_labels_differ, metric
from mtl_cli.metrics.sorted_rows import sums_by_prediction

# `d2` raises smaller predictions to this fraction of the mean label. Otherwise a single
# row with a label above 0 and the prediction 0 would make the deviance infinite.
SMALLEST_PREDICTION = 1e-7


@metric(direction=1)
def gini(label: Floats, prediction: Floats, weight: Floats) -> float:
    """Normalised Gini: how well predictions sort the rows by their amounts.

    The value is the area between the gain curve of the predictions and the diagonal,
    divided by the area between the gain curve of a perfect order and the diagonal. The
    gain curve shows which fraction of the sum of all labels the rows with the highest
    predictions have. 1 is best; a random order has the value 0. For labels of 0 and 1,
    the value is 2 AUC - 1.

    Reference: Wang, Liu and Miao, "A Deep Probabilistic Model for Customer Lifetime
        Value Prediction", 2019, section 4.
    """
    check_labels_differ(label)
    perfect = gini_of_order(label, label, weight)
    return gini_of_order(label, prediction, weight) / perfect


def gini_of_order(label: Floats, score: Floats, weight: Floats) -> float:
    """Returns twice the area between the gain curve of a score and the diagonal.

    The score, (rows,), sorts the rows.
    """
    weights, amounts = sums_by_prediction(label, score, weight)
    # Rows of equal scores count as if they came in a random order.
    up_to_middle = np.cumsum(amounts) - amounts / 2
    area = (weights * up_to_middle).sum() / (weights.sum() * amounts.sum())
    return float(1 - 2 * area)


@metric(direction=1)
def d2(label: Floats, prediction: Floats, weight: Floats) -> float:
    """D squared: 1 minus the deviance of the predictions over that of the mean label.

    For a label y and a prediction m, the Tweedie deviance of power 1.5 is
    `4 (sqrt(y) - sqrt(m))^2 / sqrt(m)`. 1 is best; predicting the mean label for every
    row gives 0. As with `r2`, the true mean values are the best predictions. Unlike the
    value of `r2`, the value of `d2` does not depend mainly on the few largest amounts.

    Reference: Jorgensen, "Exponential Dispersion Models", JRSS B 1987.
    """
    check_labels_differ(label)
    mean = np.average(label, weights=weight)
    raised_prediction = np.maximum(prediction, SMALLEST_PREDICTION * mean)
    deviance, deviance_of_mean = (
        # The factor 4 of the deviance cancels out.
        np.average((np.sqrt(label) - np.sqrt(m)) ** 2 / np.sqrt(m), weights=weight)
        for m in (raised_prediction, mean)
    )
    return float(1 - deviance / deviance_of_mean)


@metric(direction=1)
def spearman(label: Floats, prediction: Floats, weight: Floats) -> float:
    """Spearman's rank correlation of label and prediction.

    Equal values have the mean of their ranks. 1 is best; a random order has the value
    0, and so has a constant prediction. A row of weight 2 counts as two equal rows.
    """
    check_labels_differ(label)
    x = mid_ranks(label, weight)
    y = mid_ranks(prediction, weight)
    x -= np.average(x, weights=weight)
    y -= np.average(y, weights=weight)
    products = (weight * x * x).sum() * (weight * y * y).sum()
    if products == 0:  # The prediction is constant.
        return 0.0
    return float((weight * x * y).sum() / np.sqrt(products))


def mid_ranks(values: Floats, weight: Floats) -> Floats:
    """Returns the rank of each row, (rows,); equal values have the mean of their ranks.

    The rank is the weight of the rows with smaller values, plus half of the weight of
    the rows with the same value.
    """
    _, code = np.unique(values, return_inverse=True)
    weights = np.bincount(code, weight)  # (distinct values,)
    return (np.cumsum(weights) - weights / 2)[code]
