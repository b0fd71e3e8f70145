"""The towers read the encodings of the right set of embeddings."""

from typing import Any

import numpy as np
import pytest

from mtl_cli.columns.encodings import sets_of_tasks


@pytest.mark.parametrize(
    ("num_sets", "num_tasks", "expected"),
    [(1, 1, 0), (1, 2, 0), (2, 2, [0, 1]), (3, 2, [0, 1]), (2, 1, [0])],
)
def test_towers_read_the_only_set_of_embeddings_or_one_set_per_task(
    num_sets: int, num_tasks: int, expected: Any
) -> None:
    sets = [np.full((2, 3), i, "float32") for i in range(num_sets)]
    selected = np.asarray(sets_of_tasks(sets, num_tasks))
    np.testing.assert_array_equal(selected[..., 0, 0], expected)
