"""Calibration: whether predicted rates agree with actual rates, the mean labels."""

import numpy as np

from mtl_cli.metrics.metric import Floats, UndefinedError, metric
from mtl_cli.metrics.sorted_rows import sort_rows

# The shares of the total weight at which one bucket ends and the next one begins.
BUCKET_CUTS = np.arange(1, 20) / 20


@metric(direction=-1, low=0, high=1)
def ece(label: Floats, prediction: Floats, weight: Floats) -> float:
    """Expected calibration error: the mean distance of predicted and actual rate.

    The rows are sorted by their prediction and cut into 20 buckets of about equal
    weight. Rows with equal predictions are in the same bucket. The predicted rate of a
    bucket is its mean prediction, and the actual rate is its mean label. The mean over
    buckets is weighted by the weights of their rows. 0 is best.
    """
    predicted, actual, weights = calibration_buckets(label, prediction, weight)
    return float(np.average(np.abs(predicted - actual), weights=weights))


def calibration_buckets(
    label: Floats, prediction: Floats, weight: Floats
) -> tuple[Floats, Floats, Floats]:
    """Returns the mean prediction, mean label and weight of each bucket of `ece`."""
    y, p, w, _ = sort_rows(label, prediction, weight)
    # A row with the weight 2 must fall where two equal rows would fall. Therefore rows
    # with equal predictions all begin at the weight of the rows before them.
    share_before = ((np.cumsum(w) - w) / w.sum())[np.searchsorted(p, p)]
    # Sums have rounding errors: a row that begins at a cut may seem to begin before it.
    bucket = np.digitize(np.round(share_before, 9), BUCKET_CUTS)
    weights = np.asarray(np.bincount(bucket, w), "float64")
    is_filled = weights > 0
    weights = weights[is_filled]
    predictions = np.bincount(bucket, w * p)[is_filled]
    labels = np.bincount(bucket, w * y)[is_filled]
    return predictions / weights, labels / weights, weights


@metric(direction=0, low=0)
def pcoc(label: Floats, prediction: Floats, weight: Floats) -> float:
    """Predicted clicks over clicks: sum of predictions divided by sum of labels.

    1 is best; above 1, the predictions are too high on average.
    """
    sum_of_labels = (weight * label).sum()
    if sum_of_labels == 0:
        raise UndefinedError(f"no positives among {len(label)} rows")
    return float((weight * prediction).sum() / sum_of_labels)
