"""Exact areas under curves: ROC (also by class and by group), and precision-recall."""

from typing import Any

import numpy as np
import numpy.typing as npt

from mtl_cli.metrics.metric import Floats, UndefinedError, metric
from mtl_cli.metrics.sorted_rows import sort_rows


@metric(direction=1)
def auc(label: Floats, prediction: Floats, weight: Floats) -> float:
    """Area under the ROC curve: how often a positive row is ranked above a negative.

    Exact, over all pairs of a positive and a negative row; pairs of equal predictions
    count half. 0.5 is chance, 1 is best.
    """
    positive, negative = weights_by_score(label, prediction, weight)
    negative_below = np.cumsum(negative) - negative
    pairs = positive.sum() * negative.sum()
    return float((positive * (negative_below + negative / 2)).sum() / pairs)


@metric(direction=1)
def pr_auc(label: Floats, prediction: Floats, weight: Floats) -> float:
    """Average precision: the mean, over positive rows, of the precision at their score.

    The precision at a score is the share of positives among the rows with this score or
    a higher one. A random model reaches the share of positives; 1 is best.
    """
    positive, negative = weights_by_score(label, prediction, weight)
    positive_from = np.cumsum(positive[::-1])[::-1]  # at this score or a higher one
    negative_from = np.cumsum(negative[::-1])[::-1]
    precision = positive_from / (positive_from + negative_from)
    return float((positive * precision).sum() / positive.sum())


@metric(direction=1, of_classes=True)
def macro_auc(label: Floats, prediction: Floats, weight: Floats) -> float:
    """AUC of each class against all others, averaged over the classes that occur."""
    present = np.unique(label).astype("int64")
    if len(present) == 1:
        raise UndefinedError(f"one class only: all {len(label)} rows")
    return float(
        np.mean([auc(1.0 * (label == c), prediction[:, c], weight) for c in present])
    )


@metric(direction=1, grouped=True)
def gauc(
    label: Floats, prediction: Floats, weight: Floats, group: npt.NDArray[Any]
) -> float:
    """Group AUC: the AUC within each group (a user, a session), averaged over groups.

    The weight of a group is the sum of its rows' weights. Groups of one class have no
    AUC and are left out (Zhu et al., KDD 2017, eq. 15). A group number below 0 means
    that the row has no group; these rows are left out too.
    """
    has_group = group >= 0
    if not has_group.any():
        raise UndefinedError(f"none of {len(label)} rows has a group")
    y, p, w, g = sort_rows(
        label[has_group], prediction[has_group], weight[has_group], group[has_group]
    )
    is_new_group = np.concatenate(([True], g[1:] != g[:-1]))
    is_new_score = is_new_group | np.concatenate(([True], p[1:] != p[:-1]))
    score_rows, group_rows = np.flatnonzero(is_new_score), np.flatnonzero(is_new_group)
    # Weights at each distinct score within each group.
    positive = np.add.reduceat(w * y, score_rows)
    negative = np.add.reduceat(w * (1 - y), score_rows)
    first = np.searchsorted(score_rows, group_rows)  # index of each group's first score
    num_scores = np.diff(np.append(first, len(score_rows)))
    negative_below = np.cumsum(negative) - negative
    negative_below -= np.repeat(negative_below[first], num_scores)  # in the group only
    # The numerator of `auc`, the pairs and the weight of each group.
    wins = np.add.reduceat(positive * (negative_below + negative / 2), first)
    pairs = np.add.reduceat(positive, first) * np.add.reduceat(negative, first)
    weights = np.add.reduceat(positive + negative, first)
    has_pairs = pairs > 0
    if not has_pairs.any():
        raise UndefinedError(f"none of {len(group_rows)} groups has both classes")
    aucs = wins[has_pairs] / pairs[has_pairs]
    return float(np.average(aucs, weights=weights[has_pairs]))


def weights_by_score(
    label: Floats, prediction: Floats, weight: Floats
) -> tuple[Floats, Floats]:
    """Returns the weight of positives and of negatives at each distinct prediction.

    The predictions are in ascending order.

    Raises:
        UndefinedError: if all rows are of one class.
    """
    y, p, w, _ = sort_rows(label, prediction, weight)
    starts = np.flatnonzero(np.concatenate(([True], p[1:] != p[:-1])))
    positive = np.add.reduceat(w * y, starts)
    negative = np.add.reduceat(w * (1 - y), starts)
    if not positive.any() or not negative.any():
        raise UndefinedError(f"one class only: {y.sum():g} of {len(y)} rows positive")
    return positive, negative
