"""Calibration: whether predicted probabilities are the rates that occur."""

import numpy as np

from mtl_cli.metrics.metric import Floats, UndefinedError, metric
from mtl_cli.metrics.sorted_rows import sort_rows

CALIBRATION_BUCKETS = 20


@metric(direction=-1)
def ece(label: Floats, prediction: Floats, weight: Floats) -> float:
    """Expected calibration error: mean distance of predicted and actual rates.

    The rows, in order of prediction, are cut into 20 buckets of equally many rows; rows
    of equal prediction are in the same bucket. Each bucket has a predicted and an
    actual rate. 0 is best.
    """
    predicted, actual, weights = calibration_buckets(label, prediction, weight)
    return float(np.average(np.abs(predicted - actual), weights=weights))


def calibration_buckets(
    label: Floats, prediction: Floats, weight: Floats
) -> tuple[Floats, Floats, Floats]:
    """Returns the mean prediction, mean label and weight of each bucket of `ece`."""
    y, p, w, _ = sort_rows(label, prediction, weight)
    num_buckets = min(CALIBRATION_BUCKETS, len(p) or 1)
    bucket_rows = np.array_split(np.arange(len(p)), num_buckets)
    bucket = np.repeat(np.arange(num_buckets), [len(rows) for rows in bucket_rows])
    # Rows of equal prediction go to the bucket of the first row with this prediction.
    bucket = bucket[np.searchsorted(p, p)]
    sums = np.stack([np.bincount(bucket, x, num_buckets) for x in (w * p, w * y, w)])
    predicted, actual, weights = sums[:, sums[2] > 0]
    return predicted / weights, actual / weights, weights


@metric(direction=0)
def pcoc(label: Floats, prediction: Floats, weight: Floats) -> float:
    """Sum of predicted probabilities over the number of positives; 1 is unbiased."""
    actual = (weight * label).sum()
    if actual == 0:
        raise UndefinedError(f"no positives among {len(label)} rows")
    return float((weight * prediction).sum() / actual)
