"""Units of sampling: groups of rows, or the rows themselves."""

import numpy as np
import pytest

from mtl_cli.statistics.sampling_units import sampling_units


def test_rows_without_a_group_are_units_of_their_own() -> None:
    units = sampling_units(7, np.array([2, 0, -1, 2, 5, 0, -1]))
    assert units.unit_of_row.tolist() == [1, 0, 3, 1, 2, 0, 4]
    assert units.num == 5
    assert not units.are_rows


@pytest.mark.parametrize(
    "group",
    [None, np.full(4, -1), np.array([7, 3, 5, -1]), np.full(4, 3)],
    ids=["none", "empty", "of one row each", "a single one"],
)
def test_each_row_is_a_unit_without_groups_of_several_rows(group) -> None:
    units = sampling_units(4, group)
    assert units.are_rows
    assert units.unit_of_row.tolist() == [0, 1, 2, 3]


def test_huge_numbers_of_groups_take_no_memory() -> None:
    huge = np.iinfo("int64").max
    assert sampling_units(3, np.array([huge, 4, huge])).unit_of_row.tolist() == [
        1,
        0,
        1,
    ]


@pytest.mark.parametrize("num_drawn", [3, 300])
def test_samples_hold_whole_units_in_the_order_of_the_rows(num_drawn: int) -> None:
    random = np.random.default_rng(0)
    units = sampling_units(1000, random.integers(-1, 250, 1000))
    counts = np.bincount(units.unit_of_row)
    for _ in range(20):
        rows = units.draw(num_drawn, random)
        assert (np.diff(rows) >= 0).all()
        times_of_row = np.bincount(rows, minlength=1000)
        times = times_of_row[np.unique(units.unit_of_row, return_index=True)[1]]
        assert (times_of_row == times[units.unit_of_row]).all()
        assert times.sum() == num_drawn
        assert len(rows) == times @ counts
