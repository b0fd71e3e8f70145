"""Areas under curves, exact: AUC, group AUC, macro AUC, precision and recall."""

from typing import Any

import numpy as np
import numpy.typing as npt

from mtl_cli.metrics.metric import Floats, UndefinedError, metric
from mtl_cli.metrics.sorted_rows import in_order


@metric(direction=1)
def auc(label: Floats, prediction: Floats, weight: Floats) -> float:
    """Area under the ROC curve: how often a positive row is ranked above a negative.

    Exact: over all pairs, ties count half. 0.5 is chance, 1 is best.
    """
    positive, negative = _weights_by_score(label, prediction, weight)
    below = np.cumsum(negative) - negative
    pairs = positive.sum() * negative.sum()
    return float((positive * (below + negative / 2)).sum() / pairs)


@metric(direction=1)
def pr_auc(label: Floats, prediction: Floats, weight: Floats) -> float:
    """Average precision: precision at each positive row's score, averaged.

    Rows with equal scores enter together. A random model reaches the share of
    positives; 1 is best.
    """
    positive, negative = _weights_by_score(label, prediction, weight)
    above_positive = np.cumsum(positive[::-1])[::-1]
    above_negative = np.cumsum(negative[::-1])[::-1]
    precision = above_positive / (above_positive + above_negative)
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
    """Group AUC: AUC within each group (a user, a session), averaged by rows' weight.

    Groups of one class have no AUC and are left out (Zhu et al., KDD 2017, eq. 15).
    Rows whose group number is below 0 have no group and are left out too.
    """
    has_group = group >= 0
    if not has_group.any():
        raise UndefinedError(f"none of {len(label)} rows has a group")
    y, p, w, g = in_order(
        label[has_group], prediction[has_group], weight[has_group], group[has_group]
    )
    new_group = np.concatenate(([True], g[1:] != g[:-1]))
    new_score = new_group | np.concatenate(([True], p[1:] != p[:-1]))
    scores, groups = np.flatnonzero(new_score), np.flatnonzero(new_group)
    positive = np.add.reduceat(w * y, scores)
    negative = np.add.reduceat(w * (1 - y), scores)
    first = np.searchsorted(scores, groups)  # each group's first score
    sizes = np.diff(np.append(first, len(scores)))
    below = np.cumsum(negative) - negative
    below -= np.repeat(below[first], sizes)
    wins = np.add.reduceat(positive * (below + negative / 2), first)
    pairs = np.add.reduceat(positive, first) * np.add.reduceat(negative, first)
    weights = np.add.reduceat(positive + negative, first)
    mixed = pairs > 0
    if not mixed.any():
        raise UndefinedError(f"none of {len(groups)} groups has both classes")
    return float(np.average(wins[mixed] / pairs[mixed], weights=weights[mixed]))


def _weights_by_score(
    label: Floats, prediction: Floats, weight: Floats
) -> tuple[Floats, Floats]:
    """Returns the weight of positives and of negatives at each distinct score."""
    y, p, w, _ = in_order(label, prediction, weight)
    starts = np.flatnonzero(np.concatenate(([True], p[1:] != p[:-1])))
    positive = np.add.reduceat(w * y, starts)
    negative = np.add.reduceat(w * (1 - y), starts)
    if not positive.any() or not negative.any():
        raise UndefinedError(f"one class only: {y.sum():g} of {len(y)} rows positive")
    return positive, negative
