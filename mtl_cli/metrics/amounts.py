"""Metrics for predictions of mean amounts, such as money. Many labels may be 0."""

import numpy as np

from mtl_cli.metrics.metric import Floats, check_labels_differ, metric
from mtl_cli.metrics.sorted_rows import sums_by_prediction

# `d2` raises predictions below this fraction of the mean label to this fraction.
# Otherwise one row with the prediction 0 and a label above 0 would make the deviance
# infinite.
SMALLEST_PREDICTION = 1e-7


@metric(direction=1, low=-1, high=1)
def gini(label: Floats, prediction: Floats, weight: Floats) -> float:
    """Normalised Gini: how well predictions sort the rows by their amounts.

    The rows are sorted by descending predictions. G(p), the gain curve, is the share of
    the sum of all labels in the first share p of the rows: G(0.1) = 0.6 if the first
    tenth of the rows holds 60 % of the sum.

        A    = integral of G(p) - p from 0 to 1
        gini = A / (A of the rows sorted by descending labels)

    1 is best; a random order has the value 0. For labels of 0 and 1, the value is
    2 AUC - 1.

    Reference: Wang, Liu and Miao, "A Deep Probabilistic Model for Customer Lifetime
        Value Prediction", 2019, section 4.
    """
    check_labels_differ(label)
    # If all weights are equal, only the labels need sorting.
    has_equal_weights = (weight == weight[0]).all()
    labels = np.sort(label) if has_equal_weights else label
    perfect = gini_of_order(labels, labels, weight)
    return gini_of_order(label, prediction, weight) / perfect


def gini_of_order(label: Floats, score: Floats, weight: Floats) -> float:
    """Returns twice the area A of `gini` for rows sorted by descending scores, (rows,).

    The code sorts by ascending scores. In this order, L(p), the share of the sum of all
    labels in the first share p of the rows, is 1 - G(1 - p). So 2 A = 1 - 2 (integral
    of L).
    """
    weights, amounts = sums_by_prediction(label, score, weight)
    # Rows of equal scores count as if they came in a random order.
    up_to_middle = np.cumsum(amounts) - amounts / 2
    integral = (weights * up_to_middle).sum() / (weights.sum() * amounts.sum())
    return float(1 - 2 * integral)


@metric(direction=1, high=1)
def d2(label: Floats, prediction: Floats, weight: Floats) -> float:
    """D squared: 1 - deviance of the predictions / deviance of the mean label.

        D2          = 1 - deviance(predictions) / deviance(mean label)
        deviance(m) = mean over rows of 4 (sqrt(y) - sqrt(m))^2 / sqrt(m)

    y is the label of a row and m the prediction. The deviance is the Tweedie deviance
    of power 1.5. 1 is best; predicting the mean label for every row gives 0. As with
    `r2`, the best prediction for a row is the expected value of its label. The value of
    `r2` depends mainly on the few largest amounts; the value of `d2` does not.

    Reference: Jorgensen, "Exponential Dispersion Models", JRSS B 1987.
    """
    check_labels_differ(label)
    mean = float(np.average(label, weights=weight))
    positive_prediction = np.maximum(prediction, SMALLEST_PREDICTION * mean)
    of_predictions = np.average(deviance(label, positive_prediction), weights=weight)
    of_mean = np.average(deviance(label, mean), weights=weight)
    return float(1 - of_predictions / of_mean)


def deviance(label: Floats, prediction: Floats | float) -> Floats:
    """Returns the deviance of `d2` of each row, (rows,), for predictions above 0."""
    root = np.sqrt(prediction)
    result: Floats = 4 * (np.sqrt(label) - root) ** 2 / root
    return result


@metric(direction=1, low=-1, high=1)
def spearman(label: Floats, prediction: Floats, weight: Floats) -> float:
    """Spearman's rank correlation of label and prediction.

    Equal values have the mean of their ranks. 1 is best; a random order has the value
    0, and so has a constant prediction. A row of weight 2 counts as two equal rows.
    """
    check_labels_differ(label)
    if prediction.min() == prediction.max():
        return 0.0
    x = mid_ranks(label, weight)
    y = mid_ranks(prediction, weight)
    x -= np.average(x, weights=weight)
    y -= np.average(y, weights=weight)
    products = (weight * x * x).sum() * (weight * y * y).sum()
    return float((weight * x * y).sum() / np.sqrt(products))


def mid_ranks(values: Floats, weight: Floats) -> Floats:
    """Returns the rank of each row; equal values have the mean of their ranks."""
    _, code = np.unique(values, return_inverse=True)
    weights = np.bincount(code, weight)  # (distinct values,)
    return (np.cumsum(weights) - weights / 2)[code]
