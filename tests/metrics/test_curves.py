"""Curves to plot: equal to scikit-learn's, with few points."""

import numpy as np
import pytest
from sklearn import metrics

from mtl_cli.metrics.curves import (
    MAX_POINTS,
    histogram,
    precision_recall_curve,
    roc_curve,
)
from mtl_cli.metrics.metric import UndefinedError


def rows(number: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, predictions with ties, and weights."""
    random = np.random.default_rng(seed)
    prediction = random.integers(0, max(2, number // 2), number) / number
    label = (random.random(number) < prediction).astype("float64")
    label[:2] = 0, 1
    return label, prediction, random.integers(1, 4, number).astype("float64")


def test_roc_curve_of_few_rows_has_the_points_of_scikit_learn() -> None:
    label, prediction, weight = rows(40)
    x, y, _ = metrics.roc_curve(
        label, prediction, sample_weight=weight, drop_intermediate=False
    )
    np.testing.assert_allclose(roc_curve(label, prediction, weight), (x, y))


def test_precision_by_recall_has_the_points_of_scikit_learn() -> None:
    label, prediction, weight = rows(40, seed=1)
    y, x, _ = metrics.precision_recall_curve(label, prediction, sample_weight=weight)
    own_x, own_y = precision_recall_curve(label, prediction, weight)
    # scikit-learn's curve descends, and ends in a point of its own, (0, 1).
    expected = sorted(zip(x[:-1], y[:-1], strict=True))
    found = sorted(zip(own_x, own_y, strict=True))
    assert set(np.round(found, 9).ravel()) <= set(np.round(expected, 9).ravel())
    assert own_x[-1] == 1


def test_thinned_curve_keeps_its_ends_and_its_area() -> None:
    label, prediction, weight = rows(30_000)
    x, y = roc_curve(label, prediction, weight)
    assert (x[0], y[0], x[-1], y[-1]) == (0, 0, 1, 1)
    assert 100 < len(x) <= MAX_POINTS + 1
    exact = metrics.roc_auc_score(label, prediction, sample_weight=weight)
    assert np.trapezoid(y, x) == pytest.approx(exact, abs=1e-4)


@pytest.mark.parametrize("curve", [roc_curve, precision_recall_curve])
def test_one_class_has_no_curve(curve) -> None:
    with pytest.raises(UndefinedError):
        curve(np.ones(3), np.arange(3.0), np.ones(3))


def test_histogram_gives_the_share_of_the_weight() -> None:
    middles, shares = histogram(np.array([0.0, 1.0, 1.0]), np.array([2.0, 1, 1]), 0, 1)
    assert len(middles) == len(shares) == 40
    assert middles[0] == pytest.approx(1 / 80)
    assert (shares[0], shares[-1], sum(shares)) == (0.5, 0.5, 1)
