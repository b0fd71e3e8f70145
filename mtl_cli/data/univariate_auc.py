"""What one column alone says about a binary label."""

import numpy as np

from mtl_cli.data.table import Array
from mtl_cli.metrics.metrics import auc

TELLING = 0.99  # AUC (or correlation) from which one column alone is suspicious
ENOUGH = 20  # rows of each class, to judge a column by


def auc_alone(y: Array, codes: Array, numbers: Array | None) -> float | None:
    """Returns the AUC that a column alone reaches, by its values or by its numbers.

    By values: each value's share of positives, learnt on a random half of the rows and
    scored on the other; shares are drawn to the mean as by one row more, so that rare
    values tell little. By numbers: the rank of each row's number, the first or the last
    for the positives.

    Args:
        y: labels 0 and 1, (rows,).
        codes: which value each row has, whole numbers from 0, (rows,).
        numbers: each value's number, (values,); None if they have no order.

    Returns: the larger of the two; None if a class has fewer than `ENOUGH` rows.
    """
    positive = y > 0.5
    if min(positive.sum(), (~positive).sum()) < ENOUGH:
        return None
    size = int(codes.max()) + 1
    known = np.random.default_rng(0).random(len(y)) < 0.5
    rows = np.bincount(codes[known], minlength=size)
    positives = np.bincount(codes[known], positive[known], size)
    rates = (positives + positive.mean()) / (rows + 1)
    found = [auc_of_codes(positive[~known], codes[~known], rates)]
    if numbers is not None:
        by_number = auc_of_codes(positive, codes, numbers)
        found += [by_number, 1 - by_number]
    return max(found)


def auc_of_codes(positive: Array, codes: Array, scores: Array) -> float:
    """Returns the AUC of rows whose score is that of their value, 0.5 of one class."""
    ones = np.bincount(codes, positive, len(scores))
    zeros = np.bincount(codes, ~positive, len(scores))
    if not ones.any() or not zeros.any():
        return 0.5
    weight = np.concatenate([ones, zeros])
    counts = weight > 0
    label = np.repeat([1.0, 0.0], len(scores))[counts]
    return auc(label, np.tile(scores, 2)[counts], weight[counts])
