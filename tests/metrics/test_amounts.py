"""Metrics of amounts and of ranks, against scikit-learn, SciPy and plain loops."""

import numpy as np
import pytest
import scipy.stats
import sklearn.metrics

from mtl_cli.metrics.amounts import d2, gini, spearman
from mtl_cli.metrics.classes import median_rank, quadratic_weighted_kappa, rank_mae
from mtl_cli.metrics.metric import UndefinedError

ROUNDING = 1e-12


def amounts(rows=800, ties=False):
    """Amounts, of which many are 0, predictions that know their means, and weights."""
    random = np.random.default_rng(0)
    mean = random.lognormal(0, 1, rows)
    label = random.lognormal(np.log(mean), 1) * (random.random(rows) < 0.4)
    prediction = np.round(mean, 1) + 0.1 if ties else mean
    return label, prediction, random.integers(1, 5, rows).astype("float64")


def graded(rows=900, num_classes=5):
    """Ranks, probabilities that know something of them, and weights."""
    random = np.random.default_rng(1)
    label = random.integers(0, num_classes, rows)
    noise = random.normal(0, 1, (rows, num_classes))
    logits = noise - 0.5 * np.abs(label[:, None] - np.arange(num_classes))
    p = np.exp(logits)
    p /= p.sum(axis=1, keepdims=True)
    return label.astype("float64"), p, random.exponential(size=rows)


def repeated(label, prediction, weight):
    """The same rows, as often as their weight says, each of weight 1."""
    times = weight.astype(int)
    return label.repeat(times), prediction.repeat(times), np.ones(times.sum())


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_d2_equals_scikit_learns(ties, weighted):
    y, p, w = amounts(ties=ties)
    w = w if weighted else np.ones_like(w)
    expected = sklearn.metrics.d2_tweedie_score(y, p, sample_weight=w, power=1.5)
    assert d2(y, p, w) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("ties", [False, True])
def test_spearman_equals_scipys_and_counts_weights_as_rows(ties):
    y, p, w = amounts(ties=ties)
    expected = scipy.stats.spearmanr(y, p).statistic
    assert spearman(y, p, np.ones_like(w)) == pytest.approx(expected, rel=1e-10)
    rows = repeated(y, p, w)
    assert spearman(y, p, w) == pytest.approx(spearman(*rows), rel=1e-10)
    expected = scipy.stats.spearmanr(*rows[:2]).statistic
    assert spearman(y, p, w) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("ties", [False, True])
def test_gini_of_labels_0_and_1_is_twice_the_auc_less_1(ties):
    y, p, w = amounts(ties=ties)
    y = 1.0 * (y > 0)
    auc = sklearn.metrics.roc_auc_score(y, p, sample_weight=w)
    assert gini(y, p, w) == pytest.approx(2 * auc - 1, rel=1e-10)


def test_gini_equals_its_sum_over_pairs_and_counts_weights_as_rows():
    y, p, w = amounts(rows=200, ties=True)

    def area(y, score):  # over all pairs of rows; equal scores add nothing
        order = np.sign(score[:, None] - score[None])
        return (order * (y[:, None] - y[None])).sum()

    expected = area(y, p) / area(y, y)
    assert gini(y, p, np.ones_like(w)) == pytest.approx(expected, rel=1e-10)
    rows = repeated(y, p, w)
    expected = area(*rows[:2]) / area(rows[0], rows[0])
    assert gini(y, p, w) == pytest.approx(expected, rel=1e-10)


def test_metrics_of_amounts_do_not_depend_on_the_unit():
    y, p, w = amounts()
    for metric in (gini, spearman, d2):
        for unit in (1e-3, 1e6):
            scaled = metric(y * unit, p * unit, w)
            assert scaled == pytest.approx(metric(y, p, w), rel=1e-9)


def test_metrics_of_amounts_say_what_constants_are_worth():
    y, _, w = amounts()
    mean = np.full_like(y, np.average(y, weights=w))
    for metric in (gini, spearman, d2):
        assert metric(y, mean, w) == pytest.approx(0, abs=ROUNDING)
        # `d2` raises predictions of 0, here to 3e-4 in their square root.
        assert metric(y, y, w) == pytest.approx(1, abs=1e-3)
        with pytest.raises(UndefinedError, match="all 4 labels are 2"):
            metric(np.full(4, 2.0), np.arange(4.0), np.ones(4))
    assert -1e6 < d2(y, np.zeros_like(y), w) < -1


@pytest.mark.parametrize("weighted", [False, True])
def test_kappa_equals_scikit_learns(weighted):
    y, p, w = graded()
    w = w if weighted else np.ones_like(w)
    rank = median_rank(p)
    expected = sklearn.metrics.cohen_kappa_score(
        y, rank, weights="quadratic", sample_weight=w
    )
    assert 0.1 < expected < 0.9
    assert quadratic_weighted_kappa(y, p, w) == pytest.approx(expected, rel=1e-10)
    mae = sklearn.metrics.mean_absolute_error(y, rank, sample_weight=w)
    assert rank_mae(y, p, w) == pytest.approx(mae, rel=1e-10)


def test_predicted_rank_is_the_papers_count_of_probabilities_above_a_half():
    _, p, _ = graded()
    above = 1 - np.cumsum(p, axis=1)[:, :-1]  # P(y > k)
    np.testing.assert_array_equal(median_rank(p), (above > 0.5).sum(axis=1))
    assert median_rank(np.array([[0.5, 0.5], [0.4, 0.6]])).tolist() == [0, 1]


def test_kappa_of_one_class_is_undefined_and_of_a_constant_prediction_0():
    y, p, w = graded()
    with pytest.raises(UndefinedError, match="one class only: all 900 rows"):
        quadratic_weighted_kappa(np.ones(900), p, w)
    constant = np.tile([0, 0, 1.0, 0, 0], (900, 1))
    assert quadratic_weighted_kappa(y, constant, w) == pytest.approx(0, abs=ROUNDING)
