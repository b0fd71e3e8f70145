"""A sample holds the same rows in all its forms."""

import numpy as np
import pytest

from mtl_cli.data.table import Table
from mtl_cli.scoring.sample import MAX_ROWS, block_bounds, sample_indices, sample_of


def table_of(rows: int) -> Table:
    numbers = np.arange(rows, dtype="float32")
    return Table({"dense": numbers[:, None]}, {"y": numbers}, {"y": numbers})


@pytest.mark.parametrize("rows", [1, 7, 999, MAX_ROWS - 1, MAX_ROWS])
def test_small_tables_are_sampled_whole_and_in_order(rows: int) -> None:
    np.testing.assert_array_equal(sample_indices(rows), np.arange(rows))
    np.testing.assert_array_equal(sample_of(table_of(rows)).labels["y"], range(rows))


def test_numbers_are_those_of_the_sampled_rows_from_start_to_end() -> None:
    rows = 10 * MAX_ROWS + 3
    numbers = sample_indices(rows)
    sampled = sample_of(table_of(rows))
    assert len(numbers) == MAX_ROWS == sampled.num_rows
    np.testing.assert_array_equal(sampled.features["dense"][:, 0], numbers)
    assert numbers[0] == 0 and numbers[-1] >= 0.9 * rows
    assert len(block_bounds(rows)) == 10
