"""Exact metrics of one task's rows: one function each.

Every function takes `label`, `prediction` and `weight`, float64 (rows,), of the rows
that count, and returns a number, or raises `UndefinedError` and says why there is none.
To add a metric, write its function and name it in `METRICS`.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mtl_cli.metrics.sorted_rows import in_order

Floats = npt.NDArray[np.float64]

# Log losses take no probability as nearer to 0 or 1, so that a row costs 16 nats at
# most. Near 1 float32 can hardly tell more, its step is 6e-8. Near 0 it can: there a
# prediction below 1e-7 counts as 1e-7, as in Keras' losses of probabilities.
SMALLEST = 1e-7
CALIBRATION_BUCKETS = 20


class UndefinedError(Exception):
    """A metric has no value on these rows; the message says why."""


def auc(label: Floats, prediction: Floats, weight: Floats) -> float:
    """Area under the ROC curve: how often a positive row is ranked above a negative.

    Exact: over all pairs, ties count half. 0.5 is chance, 1 is best.
    """
    positive, negative = _by_score(label, prediction, weight)
    below = np.cumsum(negative) - negative
    pairs = positive.sum() * negative.sum()
    return float((positive * (below + negative / 2)).sum() / pairs)


def pr_auc(label: Floats, prediction: Floats, weight: Floats) -> float:
    """Average precision: precision at each positive row's score, averaged.

    Rows with equal scores enter together. A random model reaches the share of
    positives; 1 is best.
    """
    positive, negative = _by_score(label, prediction, weight)
    above_positive = np.cumsum(positive[::-1])[::-1]
    above_negative = np.cumsum(negative[::-1])[::-1]
    precision = above_positive / (above_positive + above_negative)
    return float((positive * precision).sum() / positive.sum())


def log_loss(label: Floats, prediction: Floats, weight: Floats) -> float:
    """Mean negative log-likelihood, in nats; probabilities cut to 1e-7 ... 1 - 1e-7."""
    p = np.clip(prediction, SMALLEST, 1 - SMALLEST)
    loss = -(label * np.log(p) + (1 - label) * np.log1p(-p))
    return float(np.average(loss, weights=weight))


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
    place = np.repeat(np.arange(len(buckets)), [len(rows) for rows in buckets])
    place = place[np.searchsorted(p, p)]  # that of the first row of equal prediction
    sums: list[Any] = [np.bincount(place, x) for x in (w * p, w * y, w)]
    filled = sums[2] > 0
    predicted, actual, size = (x[filled] for x in sums)
    return predicted / size, actual / size, size


def pcoc(label: Floats, prediction: Floats, weight: Floats) -> float:
    """Sum of predicted probabilities over the number of positives; 1 is unbiased."""
    actual = (weight * label).sum()
    if actual == 0:
        raise UndefinedError(f"no positives among {len(label)} rows")
    return float((weight * prediction).sum() / actual)


def rmse(label: Floats, prediction: Floats, weight: Floats) -> float:
    """Root mean squared error, in the label's unit."""
    return float(np.sqrt(np.average((prediction - label) ** 2, weights=weight)))


def mae(label: Floats, prediction: Floats, weight: Floats) -> float:
    """Mean absolute error, in the label's unit."""
    return float(np.average(np.abs(prediction - label), weights=weight))


def r2(label: Floats, prediction: Floats, weight: Floats) -> float:
    """Share of the label's variance that is explained; 0 is the mean, 1 is best."""
    mean = np.average(label, weights=weight)
    variance = np.average((label - mean) ** 2, weights=weight)
    if label.min() == label.max():
        raise UndefinedError(f"all {len(label)} labels are {label[0]:g}")
    return float(1 - rmse(label, prediction, weight) ** 2 / variance)


def accuracy(label: Floats, prediction: Floats, weight: Floats) -> float:
    """Share of rows whose class has the highest probability."""
    return float(np.average(prediction.argmax(axis=1) == label, weights=weight))


def cross_entropy(label: Floats, prediction: Floats, weight: Floats) -> float:
    """Mean negative log-likelihood of the classes, in nats; probabilities from 1e-7."""
    p = prediction[np.arange(len(label)), label.astype("int64")]
    return float(np.average(-np.log(np.clip(p, SMALLEST, 1)), weights=weight))


def macro_auc(label: Floats, prediction: Floats, weight: Floats) -> float:
    """AUC of each class against all others, averaged over the classes that occur."""
    present = np.unique(label).astype("int64")
    if len(present) == 1:
        raise UndefinedError(f"one class only: all {len(label)} rows")
    return float(
        np.mean([auc(1.0 * (label == c), prediction[:, c], weight) for c in present])
    )


def gauc(
    label: Floats, prediction: Floats, weight: Floats, group: npt.NDArray[Any]
) -> float:
    """Group AUC: AUC within each group (a user, a session), averaged by rows' weight.

    Groups of one class have no AUC and are left out (Zhu et al., KDD 2017, eq. 15), as
    are rows whose group is below 0: they have none.
    """
    mine = group >= 0
    if not mine.any():
        raise UndefinedError(f"none of {len(label)} rows has a group")
    y, p, w, g = in_order(label[mine], prediction[mine], weight[mine], group[mine])
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


class Metric(NamedTuple):
    """A metric's function, and whether more of it is better (1) or worse (-1).

    The direction is 0 for a metric whose best value lies in the middle. A grouped
    metric takes each row's group too.
    """

    function: Callable[..., float]
    direction: int
    grouped: bool = False


# The entries of a task in metrics.json that are no metrics.
NO_METRICS = ("rows", "positives", "space", "why")
# The first of a kind stands for the others, and is what early stopping watches, where
# the task's `metrics` or `trainer.monitor` name no other.
METRICS: dict[str, dict[str, Metric]] = {
    "binary": {
        "auc": Metric(auc, 1),
        "pr_auc": Metric(pr_auc, 1),
        "log_loss": Metric(log_loss, -1),
        "ece": Metric(ece, -1),
        "pcoc": Metric(pcoc, 0),
        "gauc": Metric(gauc, 1, grouped=True),
    },
    "regression": {
        "r2": Metric(r2, 1),
        "rmse": Metric(rmse, -1),
        "mae": Metric(mae, -1),
    },
    "multiclass": {
        "macro_auc": Metric(macro_auc, 1),
        "accuracy": Metric(accuracy, 1),
        "log_loss": Metric(cross_entropy, -1),
    },
}


def score(
    kind: str,
    label: npt.NDArray[Any],
    prediction: npt.NDArray[Any],
    weight: npt.NDArray[Any],
    group: npt.NDArray[Any] | None = None,
    names: list[str] | None = None,
) -> dict[str, Any]:
    """Returns metrics on the rows whose weight is above 0.

    Args:
        kind: `binary`, `regression` or `multiclass`.
        label: (rows,).
        prediction: (rows,), probabilities of binary labels; (rows, classes) of
            multiclass ones.
        weight: (rows,), 0 where a row does not count.
        group: (rows,), whole numbers, below 0 where a row has none; None leaves
            grouped metrics out.
        names: of the metrics wanted; None is all of the kind.

    Returns: each metric by name; `rows`, and `positives` of binary labels; and where
        a metric is None, `why` by name.
    """
    mine = weight > 0
    columns = [np.asarray(x[mine], "float64") for x in (label, prediction, weight)]
    found: dict[str, Any] = {}
    why = {}
    for name in names or METRICS[kind]:
        metric = METRICS[kind][name]
        if metric.grouped and group is None:
            continue
        try:
            check_rows(columns[1])
            groups = [group[mine]] if metric.grouped and group is not None else []
            found[name] = metric.function(*columns, *groups)
        except UndefinedError as reason:
            found[name] = None
            why[name] = str(reason)
    found["rows"] = int(mine.sum())
    if kind == "binary":
        found["positives"] = int((columns[0] > 0.5).sum())
    return found | ({"why": why} if why else {})


def check_rows(prediction: Floats) -> None:
    """Raises an error if there are no rows, or predictions that are no numbers."""
    if not len(prediction):
        raise UndefinedError("no rows")
    wrong = int((~np.isfinite(prediction)).sum())
    if wrong:
        raise UndefinedError(f"{wrong} of {len(prediction)} predictions are no numbers")


def _by_score(
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
