"""The AUC that one column alone reaches on a binary label."""

import numpy as np

from mtl_cli.data.table import Array
from mtl_cli.metrics.auc import auc

# A column with a higher AUC or correlation may have been filled after the label was
# known. Its values are then unknown when the model predicts.
SUSPICIOUS_AUC = 0.99
MIN_ROWS_PER_CLASS = 20  # a smaller class gives no reliable AUC


def univariate_auc(y: Array, codes: Array, numbers: Array | None) -> float | None:
    """Returns the AUC that a column alone reaches on a binary label.

    The rows are scored in two ways, and the higher AUC is returned:

    - By value. The score of a row is the fraction of positive rows among the rows with
      the same value. The fractions are computed from a random half of the rows, and the
      AUC from the other half. Each value gets an additional row with the mean label,
      so that the scores of rare values are near the mean.
    - By number. The score of a row is its number, or the negative of its number.

    Args:
        y: labels 0 and 1, (rows,).
        codes: the value of each row, as an index of the distinct values, (rows,).
        numbers: the number of each distinct value, (values,); None if the values have
            no order, so that they are not scored by number.

    Returns: None if a class has fewer rows than `MIN_ROWS_PER_CLASS`.
    """
    positive = y > 0.5
    if min(positive.sum(), (~positive).sum()) < MIN_ROWS_PER_CLASS:
        return None
    num_values = int(codes.max()) + 1
    is_first_half = np.random.default_rng(0).random(len(y)) < 0.5
    first_codes = codes[is_first_half]
    counts = np.bincount(first_codes, minlength=num_values)
    num_positive = np.bincount(first_codes, positive[is_first_half], num_values)
    fractions = (num_positive + positive.mean()) / (counts + 1)
    auc_by_value = auc_of_scores(
        positive[~is_first_half], codes[~is_first_half], fractions
    )
    if numbers is None:
        return auc_by_value
    auc_by_number = auc_of_scores(positive, codes, numbers)
    # The negative numbers have the AUC 1 - auc_by_number.
    return max(auc_by_value, auc_by_number, 1 - auc_by_number)


def auc_of_scores(positive: Array, codes: Array, scores: Array) -> float:
    """Returns the AUC of rows whose score depends only on their value.

    For each distinct value, all positive rows are counted as one weighted row, and all
    negative rows as another. The weighted rows have the same AUC as the rows
    themselves, and there are fewer rows to sort.

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
    weights = np.concatenate([positives, negatives])
    is_present = weights > 0
    labels = np.repeat([1.0, 0.0], len(scores))[is_present]
    return auc(labels, np.tile(scores, 2)[is_present], weights[is_present])
