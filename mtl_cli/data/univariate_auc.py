"""The AUC that one column alone reaches on a binary label."""

import numpy as np

from mtl_cli.data.table import Array
from mtl_cli.metrics.auc import auc

SUSPICIOUS_AUC = 0.99  # AUC (or correlation) of one column from which on it may leak
MIN_ROWS_PER_CLASS = 20  # needed to judge a column


def univariate_auc(y: Array, codes: Array, numbers: Array | None) -> float | None:
    """Returns the AUC that a column alone reaches, by its values or by its numbers.

    By values, a row's score is the share of positives among the rows with its value.
    The shares are learnt on a random half of the rows and scored on the other half.
    Each share is drawn to the mean as by one more row, so that rare values say little.
    By numbers, a row's score is its number, or the negative of its number.

    Args:
        y: labels 0 and 1, (rows,).
        codes: the value of each row as a whole number from 0 on, (rows,).
        numbers: each value's number, (values,); None if values have no order.

    Returns: the larger of the two; None if a class has fewer rows than
        `MIN_ROWS_PER_CLASS`.
    """
    positive = y > 0.5
    if min(positive.sum(), (~positive).sum()) < MIN_ROWS_PER_CLASS:
        return None
    size = int(codes.max()) + 1
    learning = np.random.default_rng(0).random(len(y)) < 0.5
    rows = np.bincount(codes[learning], minlength=size)
    positives = np.bincount(codes[learning], positive[learning], size)
    shares = (positives + positive.mean()) / (rows + 1)
    by_value = auc_of_codes(positive[~learning], codes[~learning], shares)
    if numbers is None:
        return by_value
    by_number = auc_of_codes(positive, codes, numbers)
    return max(by_value, by_number, 1 - by_number)


def auc_of_codes(positive: Array, codes: Array, scores: Array) -> float:
    """Returns the AUC of rows that are scored by their value; 0.5 for a single class.

    Args:
        positive: whether each row is positive, (rows,).
        codes: the value of each row, (rows,).
        scores: the score of each value, (values,).
    """
    positives = np.bincount(codes, positive, len(scores))
    negatives = np.bincount(codes, ~positive, len(scores))
    if not positives.any() or not negatives.any():
        return 0.5
    weight = np.concatenate([positives, negatives])
    present = weight > 0
    label = np.repeat([1.0, 0.0], len(scores))[present]
    return auc(label, np.tile(scores, 2)[present], weight[present])
