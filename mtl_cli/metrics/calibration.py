"""Calibration: whether predicted rates agree with actual rates, the mean labels."""

import numpy as np

from mtl_cli.metrics.metric import Floats, UndefinedError, metric
from mtl_cli.metrics.sorted_rows import sort_rows

MAX_BUCKETS = 20


@metric(direction=-1)
def ece(label: Floats, prediction: Floats, weight: Floats) -> float:
    """Expected calibration error: the mean distance of predicted and actual rate.

    The rows are sorted by their prediction and cut into 20 buckets of about equally
    many rows. Rows with equal predictions are in the same bucket. The predicted rate of
    a bucket is its mean prediction, and the actual rate is its mean label. The mean
    over buckets is weighted by the weights of their rows. 0 is best.
    """
    predicted, actual, weights = calibration_buckets(label, prediction, weight)
    return float(np.average(np.abs(predicted - actual), weights=weights))


def calibration_buckets(
    label: Floats, prediction: Floats, weight: Floats
) -> tuple[Floats, Floats, Floats]:
    """Returns the mean prediction, mean label and weight of each bucket of `ece`.

    Buckets without rows are left out. Each array is (buckets,).
    """
    y, p, w, _ = sort_rows(label, prediction, weight)
    num_buckets = max(1, min(MAX_BUCKETS, len(p)))
    bucket_rows = np.array_split(np.arange(len(p)), num_buckets)
    bucket = np.repeat(np.arange(num_buckets), [len(rows) for rows in bucket_rows])
    # Rows with equal predictions all go to the bucket of the first of these rows.
    bucket = bucket[np.searchsorted(p, p)]
    weights = np.asarray(np.bincount(bucket, w, num_buckets), "float64")
    is_filled = weights > 0
    weights = weights[is_filled]
    predictions = np.bincount(bucket, w * p, num_buckets)[is_filled]
    labels = np.bincount(bucket, w * y, num_buckets)[is_filled]
    return predictions / weights, labels / weights, weights


@metric(direction=0)
def pcoc(label: Floats, prediction: Floats, weight: Floats) -> float:
    """Predicted clicks over clicks: sum of predictions divided by sum of labels.

    1 is best; above 1, the predictions are too high on average.
    """
    sum_of_labels = (weight * label).sum()
    if sum_of_labels == 0:
        raise UndefinedError(f"no positives among {len(label)} rows")
    return float((weight * prediction).sum() / sum_of_labels)
