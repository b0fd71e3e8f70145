"""Tests over test rows, for whether another test set would give the same order.

A configuration's score is the mean over its seeds; rows are what is sampled. Both
configurations are scored on the same rows, which cancels most of the noise.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from mtl_cli.compare.statistics import Test, test_of

Floats = npt.NDArray[np.float64]
RESAMPLES = 200  # give a standard error to within 5 %


def delong_parts(label: Floats, predictions: list[Floats]) -> tuple[Floats, Floats]:
    """Returns what each row adds to the AUC, its mean over seeds.

    Of a positive row the share of negatives that it is ranked above, of a negative one
    the share of positives that it is ranked below; ties count half. The mean of either
    is the AUC. Takes O(n log n).

    Args:
        label: 0 or 1, (rows,).
        predictions: of each seed, (rows,).

    Returns: of the positive rows, of the negative rows.
    """
    positive = label > 0.5
    above, below = np.zeros(positive.sum()), np.zeros((~positive).sum())
    for prediction in predictions:
        ones, zeros = prediction[positive], prediction[~positive]
        above += share_below(zeros, ones)
        below += 1 - share_below(ones, zeros)
    return above / len(predictions), below / len(predictions)


def share_below(values: Floats, limits: Floats) -> Floats:
    """Returns what share of values lies below each limit, equal ones by half."""
    ordered = np.sort(values)
    left = np.searchsorted(ordered, limits, "left")
    right = np.searchsorted(ordered, limits, "right")
    share: Floats = (left + right) / (2 * len(values))
    return share


def delong(a: tuple[Floats, Floats], b: tuple[Floats, Floats]) -> Test | None:
    """Tests a difference of AUCs on the same rows.

    Args:
        a: `delong_parts` of one configuration.
        b: of the other.

    Returns: None with fewer than two rows of a class.

    Reference: DeLong et al., Biometrics 1988; Sun and Xu, IEEE SPL 2014.
    """
    above, below = a[0] - b[0], a[1] - b[1]
    if min(len(above), len(below)) < 2:
        return None
    variance = above.var(ddof=1) / len(above) + below.var(ddof=1) / len(below)
    return test_of(float(above.mean()), float(np.sqrt(variance)), np.inf)


def drawn(
    metric: Callable[[Floats, Floats, Floats], float],
    label: Floats,
    predictions: list[Floats],
) -> Floats:
    """Returns a metric, its mean over seeds, on rows drawn anew 200 times.

    The draws are the same in every call, so that differences are paired.

    Args:
        metric: of label, prediction and weight.
        label: (rows,).
        predictions: of each seed.

    Raises:
        UndefinedError: if the metric is undefined on a draw.
    """
    one = np.ones(len(label))
    rng = np.random.default_rng(0)
    found = np.empty(RESAMPLES)
    for i in range(RESAMPLES):
        rows = rng.integers(0, len(label), len(label))
        found[i] = np.mean([metric(label[rows], p[rows], one) for p in predictions])
    return found


def bootstrap(difference: float, a: Floats, b: Floats) -> Test:
    """Tests a difference on the same rows.

    Args:
        difference: on the rows as they are.
        a: the metric of one configuration on rows drawn anew, see `drawn`.
        b: of the other.
    """
    return test_of(difference, float(np.std(a - b, ddof=1)), np.inf)
