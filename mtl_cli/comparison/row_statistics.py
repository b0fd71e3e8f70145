"""Tests over test rows, for whether another test set would give the same order.

The score of a configuration is its mean over seeds, and the rows are the sample. Most
of the noise cancels, because both configurations are scored on the same rows.
"""

from collections.abc import Callable

import numpy as np

from mtl_cli.comparison.seed_statistics import Test, t_test
from mtl_cli.metrics.metric import Floats

RESAMPLES = 200  # give a standard error to within 5 %


def delong_parts(label: Floats, predictions: list[Floats]) -> tuple[Floats, Floats]:
    """Returns each row's contribution to the AUC, as its mean over seeds.

    A positive row contributes the share of negative rows ranked below it, a negative
    row the share of positive rows ranked above it; ties count half. The mean over the
    rows of either class is the AUC. Takes O(n log n).

    Args:
        label: 0 or 1, (rows,).
        predictions: the predictions of each seed, (rows,).

    Returns: the contributions of the positive rows, and of the negative rows.
    """
    positive = label > 0.5
    above, below = np.zeros(positive.sum()), np.zeros((~positive).sum())
    for prediction in predictions:
        ones, zeros = prediction[positive], prediction[~positive]
        above += share_below(zeros, ones)
        below += 1 - share_below(ones, zeros)
    return above / len(predictions), below / len(predictions)


def share_below(values: Floats, limits: Floats) -> Floats:
    """Returns the share of values below each limit; equal values count half."""
    ordered = np.sort(values)
    left = np.searchsorted(ordered, limits, "left")
    right = np.searchsorted(ordered, limits, "right")
    share: Floats = (left + right) / (2 * len(values))
    return share


def delong(a: tuple[Floats, Floats], b: tuple[Floats, Floats]) -> Test | None:
    """Tests a difference of AUCs on the same rows.

    Args:
        a: `delong_parts` of the first configuration.
        b: `delong_parts` of the second configuration.

    Returns: None if a class has fewer than two rows.

    Reference: DeLong et al., Biometrics 1988; Sun and Xu, IEEE SPL 2014.
    """
    above, below = a[0] - b[0], a[1] - b[1]
    if min(len(above), len(below)) < 2:
        return None
    variance = above.var(ddof=1) / len(above) + below.var(ddof=1) / len(below)
    return t_test(float(above.mean()), float(np.sqrt(variance)), np.inf)


def resampled(
    metric: Callable[[Floats, Floats, Floats], float],
    label: Floats,
    predictions: list[Floats],
) -> Floats:
    """Returns a metric on 200 bootstrap samples of the rows, as its mean over seeds.

    Every call draws the same samples, so that differences are paired.

    Args:
        metric: a function of label, prediction and weight.
        label: (rows,).
        predictions: the predictions of each seed, (rows,).

    Raises:
        UndefinedError: if the metric is undefined on a sample.
    """
    weight = np.ones(len(label))
    rng = np.random.default_rng(0)
    values = np.empty(RESAMPLES)
    for i in range(RESAMPLES):
        rows = rng.integers(0, len(label), len(label))
        values[i] = np.mean([metric(label[rows], p[rows], weight) for p in predictions])
    return values


def bootstrap(difference: float, a: Floats, b: Floats) -> Test:
    """Tests a difference on the same rows.

    Args:
        difference: the difference on all rows.
        a: the first configuration's metric on the samples, see `resampled`.
        b: the second configuration's metric on the same samples.
    """
    return t_test(difference, float(np.std(a - b, ddof=1)), np.inf)
