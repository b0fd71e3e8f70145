"""Areas under curves: the ROC curve, also by class and by group; precision-recall.

All areas are exact: they are computed from the sorted rows, not from a few thresholds.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from mtl_cli.metrics.metric import Floats, UndefinedError, metric
from mtl_cli.metrics.sorted_rows import sort_rows


@metric(direction=1)
def auc(label: Floats, prediction: Floats, weight: Floats) -> float:
    """Area under the ROC curve.

    The AUC is the fraction of all pairs of a positive and a negative row in which the
    positive row has the higher prediction. Pairs with equal predictions count half. A
    random model has the value 0.5; 1 is best.
    """
    positive, negative = weights_by_score(label, prediction, weight)
    negative_below = np.cumsum(negative) - negative
    pairs = positive.sum() * negative.sum()
    return float((positive * (negative_below + negative / 2)).sum() / pairs)


@metric(direction=1)
def pr_auc(label: Floats, prediction: Floats, weight: Floats) -> float:
    """Area under the precision-recall curve, as average precision.

    Average precision is the mean over the positive rows of the precision at their
    prediction: the fraction of positives among the rows with this prediction or a
    higher one. A random model has the fraction of positives as its value; 1 is best.
    """
    positive, negative = weights_by_score(label, prediction, weight)
    # Weights of the rows with this prediction or a higher one.
    positive_above = np.cumsum(positive[::-1])[::-1]
    negative_above = np.cumsum(negative[::-1])[::-1]
    precision = positive_above / (positive_above + negative_above)
    return float((positive * precision).sum() / positive.sum())


@metric(direction=1, of_classes=True)
def macro_auc(label: Floats, prediction: Floats, weight: Floats) -> float:
    """The mean over classes of the AUC of one class against all other classes.

    Classes without rows are left out.
    """
    classes = np.unique(label).astype("int64")
    if len(classes) == 1:
        raise UndefinedError(f"one class only: all {len(label)} rows")
    return float(
        np.mean([auc(1.0 * (label == c), prediction[:, c], weight) for c in classes])
    )


@metric(direction=1, grouped=True)
def gauc(
    label: Floats, prediction: Floats, weight: Floats, group: npt.NDArray[Any]
) -> float:
    """Group AUC: the mean of the AUCs of the groups, such as users or sessions.

    The mean is weighted: the weight of a group is the sum of its rows' weights. Groups
    with rows of one class only have no AUC and are left out (Zhu et al., KDD 2017,
    equation 15). Rows whose group is below 0 have no group and are left out too.
    """
    aucs, weights = group_aucs(label, prediction, weight, group)
    return float(np.average(aucs, weights=weights))


def group_aucs(
    label: Floats, prediction: Floats, weight: Floats, group: npt.NDArray[Any]
) -> tuple[Floats, Floats]:
    """Returns the AUC and the weight of each group that `gauc` averages.

    Which groups count, and their weights, does not depend on the predictions.

    Returns: two arrays (groups with rows of both classes,), in ascending order of the
        groups' numbers.

    Raises:
        UndefinedError: if no group has rows of both classes.
    """
    has_group = group >= 0
    if not has_group.any():
        raise UndefinedError(f"none of {len(label)} rows has a group")
    y, p, w, g = sort_rows(
        label[has_group], prediction[has_group], weight[has_group], group[has_group]
    )
    is_new_group = np.concatenate(([True], g[1:] != g[:-1]))
    is_new_score = is_new_group | np.concatenate(([True], p[1:] != p[:-1]))
    score_starts = np.flatnonzero(is_new_score)
    group_starts = np.flatnonzero(is_new_group)
    # Weights of the rows with each distinct prediction ("score") within each group.
    positive = np.add.reduceat(w * y, score_starts)
    negative = np.add.reduceat(w * (1 - y), score_starts)
    # From here on, all arrays have one entry per score. `first` is the index of the
    # first score of each group.
    first = np.searchsorted(score_starts, group_starts)
    num_scores = np.diff(np.append(first, len(score_starts)))
    negative_below = np.cumsum(negative) - negative
    # Subtract the negatives of the earlier groups.
    negative_below -= np.repeat(negative_below[first], num_scores)
    # For each group: the sum that `auc` divides by the pairs; the pairs; the weight.
    wins = np.add.reduceat(positive * (negative_below + negative / 2), first)
    pairs = np.add.reduceat(positive, first) * np.add.reduceat(negative, first)
    weights = np.add.reduceat(positive + negative, first)
    has_pairs = pairs > 0
    if not has_pairs.any():
        raise UndefinedError(f"none of {len(group_starts)} groups has both classes")
    return wins[has_pairs] / pairs[has_pairs], weights[has_pairs]


def num_usable_groups(label: Floats, group: npt.NDArray[Any]) -> int:
    """Returns the number of groups with rows of both classes, which `gauc` averages."""
    has_group = group >= 0
    positive = group[has_group & (label > 0.5)]
    negative = group[has_group & (label <= 0.5)]
    return len(np.intersect1d(positive, negative))


def weights_by_score(
    label: Floats, prediction: Floats, weight: Floats
) -> tuple[Floats, Floats]:
    """Returns the weight of positive and of negative rows at each distinct prediction.

    Returns: two arrays, with one entry per distinct prediction, in ascending order.

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
