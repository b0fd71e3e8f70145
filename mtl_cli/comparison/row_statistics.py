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


def delong(label: Floats, difference: float, influence: Floats) -> Test:
    """Tests the difference of two AUCs on the same rows.

    Args:
        label: the labels, 0 or 1, (rows,). Each class has two rows or more.
        difference: the first AUC minus the second.
        influence: the influence of each row on the first AUC, see `auc_influence`,
            minus the row's influence on the second AUC, (rows,).
    """
    return z_test(difference, standard_error(label, influence))


def resampled(
    metric: Callable[[Floats, Floats, Floats], float],
    label: Floats,
    predictions: list[Floats],
    weight: Floats,
) -> Floats:
    """Computes a metric on bootstrap samples of the rows, averaged over seeds.

    Every call draws the same samples, so the results of two configurations can be
    subtracted sample by sample.

    Args:
        metric: a function of label, prediction and weight.
        label: the labels, (rows,).
        predictions: the predictions of each seed, each (rows,) or (rows, classes).
        weight: the weights, (rows,).

    Returns: the metric on each sample, (200,).

    Raises:
        UndefinedError: if the metric is undefined on a sample.
    """
    rng = np.random.default_rng(0)
    values = np.empty(RESAMPLES)
    for i in range(RESAMPLES):
        rows = rng.integers(0, len(label), len(label))
        values[i] = np.mean(
            [metric(label[rows], p[rows], weight[rows]) for p in predictions]
        )
    return values


def bootstrap(difference: float, a: Floats, b: Floats) -> Test:
    """Tests the difference of a metric by its values on bootstrap samples.

    Args:
        difference: the difference of the metric on all rows, first minus second.
        a: the first configuration's metric on the samples, (200,), see `resampled`.
        b: the second configuration's metric on the same samples, (200,).
    """
    return z_test(difference, float(np.std(a - b, ddof=1)))
