"""Tests whether another test set would rank two configurations in the same order.

The score of a configuration is the metric averaged over seeds. The test rows are a
sample of all possible rows, and the tests ask how much the difference of two scores
would vary between samples. Both configurations are scored on the same rows, so hard
rows lower both scores, and most of this variation cancels in the difference.
"""

from collections.abc import Callable

import numpy as np

from mtl_cli.metrics.metric import Floats
from mtl_cli.statistics.delong import standard_error
from mtl_cli.statistics.significance import Test, z_test

RESAMPLES = 200  # number of bootstrap samples: a standard error to within 5 %


def delong(a: tuple[Floats, Floats], b: tuple[Floats, Floats]) -> Test | None:
    """Tests the difference of two AUCs on the same rows.

    Args:
        a: `delong_components` of the first configuration.
        b: `delong_components` of the second configuration.

    Returns: the test; None if a class has fewer than two rows.

    Reference: DeLong et al., Biometrics 1988; Sun and Xu, IEEE SPL 2014.
    """
    positives, negatives = a[0] - b[0], a[1] - b[1]
    if min(len(positives), len(negatives)) < 2:
        return None
    return z_test(float(positives.mean()), standard_error(positives, negatives))


def resampled(
    metric: Callable[[Floats, Floats, Floats], float],
    label: Floats,
    predictions: list[Floats],
) -> Floats:
    """Computes a metric on bootstrap samples of the rows, averaged over seeds.

    Every call draws the same samples, so the results of two configurations can be
    subtracted sample by sample.

    Args:
        metric: a function of label, prediction and weight.
        label: the labels, (rows,).
        predictions: the predictions of each seed, each (rows,) or (rows, classes).

    Returns: the metric on each sample, (200,).

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
    """Tests the difference of a metric by its values on bootstrap samples.

    Args:
        difference: the difference of the metric on all rows, first minus second.
        a: the first configuration's metric on the samples, (200,), see `resampled`.
        b: the second configuration's metric on the same samples, (200,).
    """
    return z_test(difference, float(np.std(a - b, ddof=1)))
