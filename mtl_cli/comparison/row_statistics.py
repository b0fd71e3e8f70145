"""Tests whether another test set would rank two configurations in the same order.

The score of a configuration is the metric averaged over seeds. The test rows are a
sample of all possible rows. The tests ask how much the difference of two scores would
vary between samples. Both configurations are scored on the same rows: rows that are
hard to predict lower both scores, and most of this effect cancels in the difference.
"""

from collections.abc import Callable

import numpy as np

from mtl_cli.metrics.metric import Floats
from mtl_cli.statistics.sampling_error import RESAMPLES
from mtl_cli.statistics.significance import Test, z_test


def test_groups(differences: Floats, weights: Floats) -> Test:
    """Tests the difference of two group AUCs on the same groups.

    Another test set would have other groups. The difference is a weighted mean over
    the groups, so it is a ratio of two sums that vary from one set of groups to
    another. The standard error is the standard error of a ratio (Cochran, Sampling
    Techniques, 1977, section 2.11).

    Args:
        differences: the first AUC minus the second in each group, (groups,). There are
            two groups or more.
        weights: the weight of each group, above 0, (groups,).
    """
    mean, n = float(np.average(differences, weights=weights)), len(differences)
    variance = n / (n - 1) * np.sum((weights * (differences - mean)) ** 2)
    return z_test(mean, float(np.sqrt(variance) / weights.sum()))


def metric_on_samples(
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

    Returns: the metric on each sample, (samples,).

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


def bootstrap_test(difference: float, a: Floats, b: Floats) -> Test:
    """Tests the difference of a metric by its values on bootstrap samples.

    Args:
        difference: the difference of the metric on all rows, first minus second.
        a: the metric of the first configuration, see `metric_on_samples`, (samples,).
        b: the metric of the second configuration on the same samples, (samples,).
    """
    return z_test(difference, float(np.std(a - b, ddof=1)))
