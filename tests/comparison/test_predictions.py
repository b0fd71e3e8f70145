"""Runs are compared row by row only if their rows and labels are the same."""

import numpy as np
import pytest

from mtl_cli.comparison.predictions import DifferentRowsError, Rows, SortedRows
from mtl_cli.comparison.predictions_by_metric import make_predictions
from mtl_cli.metrics.amounts import gini
from mtl_cli.metrics.classes import accuracy, rank_mae


def test_rows_are_the_same_if_all_their_columns_are_equal() -> None:
    numbers, label, weight = np.arange(3), np.array([0.1, 2, 1.7e12]), np.ones(3)
    group = np.array([0, 1, 0])
    rows = Rows(numbers, label, weight, group)

    def are_same(other: Rows, *, compare_groups: bool = False) -> bool:
        return rows.are_same(other, compare_groups=compare_groups)

    assert are_same(rows.take(np.ones(3, "bool")), compare_groups=True)
    assert not are_same(Rows(numbers, label * 1.1, weight, group))
    assert not are_same(Rows(numbers + 1, label, weight, group))
    assert not are_same(Rows(numbers, label, weight * [1, 1, 2], group))
    for other_group in ([0, 1, 1], [0, 1, -1]):
        in_other_groups = Rows(numbers, label, weight, np.array(other_group))
        assert are_same(in_other_groups)
        assert not are_same(in_other_groups, compare_groups=True)
    # Each run numbers the groups of its own rows, so the numbers do not count.
    assert are_same(Rows(numbers, label, weight, group[::-1] + 1), compare_groups=True)
    first_two = np.array([True, True, False])
    assert not are_same(rows.take(first_two))
    assert rows.take(first_two).group.tolist() == [0, 1]


def test_metrics_of_ranks_need_classes_of_the_same_ranks() -> None:
    label, ones = np.arange(30) % 2, np.ones(30)
    names = np.array(["low", "high"], object)[label]
    no_group = np.full(30, -1)
    rows = Rows(np.arange(30), 1.0 * label, ones, no_group, class_name=names)
    reordered = rows._replace(label=1.0 - label)
    prediction = np.random.default_rng(0).dirichlet(np.ones(2), 30)

    def difference(metric):
        one = make_predictions(metric, rows, [prediction])
        return one.test(make_predictions(metric, reordered, [prediction[:, ::-1]]))

    assert difference(accuracy).difference == 0
    with pytest.raises(DifferentRowsError, match="different ranks"):
        difference(rank_mae)


def test_a_sample_scores_as_its_rows_do() -> None:
    random = np.random.default_rng(0)
    label, prediction = random.gamma(2, size=(2, 50)).round(1)
    for weight in (np.ones(50), random.random(50)):
        rows = random.integers(0, 50, 50)
        num_draws = np.bincount(rows, minlength=50)
        expected = gini(label[rows], prediction[rows], weight[rows])
        score = SortedRows(label, prediction, weight).score(gini, num_draws)
        assert score == pytest.approx(expected)
    classes = random.dirichlet(np.ones(3), 50)
    label = random.integers(0, 3, 50).astype("float64")
    expected = accuracy(label[rows], classes[rows], weight[rows])
    score = SortedRows(label, classes, weight).score(accuracy, num_draws)
    assert score == pytest.approx(expected)
