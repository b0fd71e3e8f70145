"""Calibration: whether predicted probabilities are the rates that occur."""

from typing import Any

import numpy as np

from mtl_cli.metrics.metric import Floats, UndefinedError, metric
from mtl_cli.metrics.sorted_rows import in_order

CALIBRATION_BUCKETS = 20


@metric(direction=-1)
def ece(label: Floats, prediction: Floats, weight: Floats) -> float:
    """Expected calibration error: mean distance of predicted and actual rates.

    Over 20 buckets of equally many rows, in order of prediction; rows of equal
    prediction stay together. 0 is best.
    """
    predicted, actual, size = calibration_buckets(label, prediction, weight)
    return float(np.average(np.abs(predicted - actual), weights=size))


def calibration_buckets(
    label: Floats, prediction: Floats, weight: Floats
) -> tuple[Floats, Floats, Floats]:
    """Returns the buckets of `ece`: mean prediction, mean label and weight of each."""
    y, p, w, _ = in_order(label, prediction, weight)
    buckets = np.array_split(np.arange(len(p)), min(CALIBRATION_BUCKETS, len(p) or 1))
    bucket = np.repeat(np.arange(len(buckets)), [len(rows) for rows in buckets])
    # Rows of equal prediction go to the bucket of the first of them.
    bucket = bucket[np.searchsorted(p, p)]
    sums: list[Any] = [np.bincount(bucket, x) for x in (w * p, w * y, w)]
    filled = sums[2] > 0
    predicted, actual, size = (x[filled] for x in sums)
    return predicted / size, actual / size, size


@metric(direction=0)
def pcoc(label: Floats, prediction: Floats, weight: Floats) -> float:
    """Sum of predicted probabilities over the number of positives; 1 is unbiased."""
    actual = (weight * label).sum()
    if actual == 0:
        raise UndefinedError(f"no positives among {len(label)} rows")
    return float((weight * prediction).sum() / actual)
