"""Areas under the ROC curve and under the precision-recall curve.

All areas are exact: they are computed from the sorted rows, not from a few thresholds.
"""

import numpy as np
import numpy.typing as npt

from mtl_cli.metrics.metric import Floats, Groups, UndefinedError, metric
from mtl_cli.metrics.sorted_rows import first_indices, sort_rows


@metric(direction=1, low=0, high=1)
def auc(label: Floats, prediction: Floats, weight: Floats) -> float:
    """Area under the ROC curve.

    The AUC is the fraction of all pairs of a positive and a negative row in which the
    positive row has the higher prediction. Pairs with equal predictions count half. A
    random model has the value 0.5; 1 is best.
    """
    positive, negative = weights_by_prediction(label, prediction, weight)
    negative_below = np.cumsum(negative) - negative
    num_pairs = positive.sum() * negative.sum()
    return float((positive * (negative_below + negative / 2)).sum() / num_pairs)


@metric(direction=1, low=0, high=1)
def pr_auc(label: Floats, prediction: Floats, weight: Floats) -> float:
    """Area under the precision-recall curve, as average precision.

    The precision at a row is the fraction of positives among this row and all rows with
    an equal or higher prediction. Average precision is the mean of the precisions at
    the positive rows. For a random model, the value is the fraction of positives; 1 is
    best.
    """
    positive, negative = weights_by_prediction(label, prediction, weight)
    # The weight of the rows with this prediction or a higher prediction, by class.
    positive_above = np.cumsum(positive[::-1])[::-1]
    negative_above = np.cumsum(negative[::-1])[::-1]
    precision = positive_above / (positive_above + negative_above)
    return float((positive * precision).sum() / positive.sum())


@metric(direction=1, several_predictions=True, low=0, high=1)
def macro_auc(label: Floats, prediction: Floats, weight: Floats) -> float:
    """The mean over classes of the AUC of one class against all other classes.

    Classes without rows are left out.
    """
    classes = np.unique(label).astype("int64")
    if len(classes) == 1:
        raise UndefinedError(f"one class only: all {len(label)} rows")
    aucs = [
        auc((label == c).astype("float64"), prediction[:, c], weight) for c in classes
    ]
    return float(np.mean(aucs))


@metric(direction=1, grouped=True, low=0, high=1)
def gauc(label: Floats, prediction: Floats, weight: Floats, group: Groups) -> float:
    """Group AUC: the mean of the AUCs of the groups, such as users or sessions.

    The weight of a group is the sum of the weights of its rows (Zhu et al., KDD 2017,
    equation 15). Groups without rows of both classes have no AUC and are left out. Rows
    with a negative group number have no group and are left out too.
    """
    aucs, weights = group_aucs(label, prediction, weight, group)
    return float(np.average(aucs, weights=weights))


def group_aucs(
    label: Floats, prediction: Floats, weight: Floats, group: Groups
) -> tuple[Floats, Floats]:
    """Returns the AUC and the weight of each group with both classes, ascending.

    The weights and the choice of the groups do not depend on the predictions.
    """
    has_group = group >= 0
    if not has_group.any():
        raise UndefinedError(f"none of {len(label)} rows has a group")
    y, p, w, g = sort_rows(
        label[has_group], prediction[has_group], weight[has_group], group[has_group]
    )
    starts = first_indices(g, p)
    # These arrays have one entry per distinct prediction in a group, sorted by group
    # and prediction.
    positive, negative = weights_by_class(y, w, starts)
    group_starts = first_indices(g[starts])
    group_lengths = np.diff(group_starts, append=len(starts))
    negative_below = np.cumsum(negative) - negative
    # Negative rows of earlier groups do not count.
    negative_below -= np.repeat(negative_below[group_starts], group_lengths)
    # These arrays have one entry per group. The AUC of a group is computed as in `auc`.
    sums = np.add.reduceat(positive * (negative_below + negative / 2), group_starts)
    group_positive = np.add.reduceat(positive, group_starts)
    group_negative = np.add.reduceat(negative, group_starts)
    group_weight = np.add.reduceat(positive + negative, group_starts)
    num_pairs = group_positive * group_negative
    has_pairs = num_pairs > 0
    if not has_pairs.any():
        raise UndefinedError(f"none of {len(group_starts)} groups has both classes")
    return sums[has_pairs] / num_pairs[has_pairs], group_weight[has_pairs]


def num_usable_groups(label: Floats, group: Groups) -> int:
    """Returns the number of groups that `gauc` averages: those with both classes."""
    has_group = group >= 0
    positive = group[has_group & (label > 0.5)]
    negative = group[has_group & (label <= 0.5)]
    return len(np.intersect1d(positive, negative))


def weights_by_prediction(
    label: Floats, prediction: Floats, weight: Floats
) -> tuple[Floats, Floats]:
    """Returns the weight of positive and of negative rows at each distinct prediction.

    Both arrays are in ascending order of the predictions. An `UndefinedError` is raised
    if all rows are of one class.
    """
    y, p, w, _ = sort_rows(label, prediction, weight)
    positive, negative = weights_by_class(y, w, first_indices(p))
    if not positive.any() or not negative.any():
        raise UndefinedError(f"one class only: {y.sum():g} of {len(y)} rows positive")
    return positive, negative


def weights_by_class(
    label: Floats, weight: Floats, starts: npt.NDArray[np.intp]
) -> tuple[Floats, Floats]:
    """Returns the weight of positive and of negative rows in each block of rows."""
    positive = np.add.reduceat(weight * label, starts)
    negative = np.add.reduceat(weight * (1 - label), starts)
    return positive, negative
