"""The AUC that one column alone reaches on a binary label."""

import numpy as np

from mtl_cli.data.table import Array
from mtl_cli.metrics.auc import auc

# A column with a higher AUC (or correlation) may hold what happened after the label.
SUSPICIOUS_AUC = 0.99
MIN_ROWS_PER_CLASS = 20  # a smaller class gives no reliable AUC


def univariate_auc(y: Array, codes: Array, numbers: Array | None) -> float | None:
    """Returns the AUC that a column alone reaches on a binary label.

    The column is scored in two ways, and the higher AUC counts. By value, the score of
    a row is the share of positives among the rows with the same value. The shares are
    learnt from a random half of the rows and scored on the other half. Each share
    includes one more row with the mean label, so that rare values get scores near the
    mean. By number, the score of a row is its number, or the negative of its number.

    Args:
        y: labels 0 and 1, (rows,).
        codes: the value of each row, as an index of the distinct values, (rows,).
        numbers: the number of each distinct value, (values,); None if the values have
            no order.

    Returns: None if a class has fewer rows than `MIN_ROWS_PER_CLASS`.
    """
    positive = y > 0.5
    if min(positive.sum(), (~positive).sum()) < MIN_ROWS_PER_CLASS:
        return None
    size = int(codes.max()) + 1
    is_learnt_from = np.random.default_rng(0).random(len(y)) < 0.5
    rows = np.bincount(codes[is_learnt_from], minlength=size)
    positives = np.bincount(codes[is_learnt_from], positive[is_learnt_from], size)
    shares = (positives + positive.mean()) / (rows + 1)
    by_value = auc_of_codes(positive[~is_learnt_from], codes[~is_learnt_from], shares)
    if numbers is None:
        return by_value
    by_number = auc_of_codes(positive, codes, numbers)
    return max(by_value, by_number, 1 - by_number)


def auc_of_codes(positive: Array, codes: Array, scores: Array) -> float:
    """Returns the AUC of rows whose score depends on their value alone.

    Args:
        positive: whether each row is positive, (rows,).
        codes: the value of each row, as an index of `scores`, (rows,).
        scores: the score of each distinct value, (values,).

    Returns: 0.5 if all rows have the same label.
    """
    positives = np.bincount(codes, positive, len(scores))
    negatives = np.bincount(codes, ~positive, len(scores))
    if not positives.any() or not negatives.any():
        return 0.5
    weight = np.concatenate([positives, negatives])
    present = weight > 0
    label = np.repeat([1.0, 0.0], len(scores))[present]
    return auc(label, np.tile(scores, 2)[present], weight[present])
