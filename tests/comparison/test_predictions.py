"""Runs are compared row by row only if their rows and labels are the same."""

import numpy as np

from mtl_cli.comparison.predictions import Rows


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
    in_other_groups = Rows(numbers, label, weight, group[::-1] + 1)
    assert are_same(in_other_groups)
    assert not are_same(in_other_groups, compare_groups=True)
    first_two = np.array([True, True, False])
    assert not are_same(rows.take(first_two))
    assert rows.take(first_two).group.tolist() == [0, 1]
