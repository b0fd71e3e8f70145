"""The L2 penalty on the rows that a batch reads from a large table."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from mtl_cli.training.lazy_tables import LazyTable


@pytest.mark.parametrize("l2", [0.0, 0.05])
@pytest.mark.parametrize("has_starting_point", [False, True])
def test_penalty_adds_its_derivative_to_the_gradient(
    l2: float, has_starting_point: bool
) -> None:
    values = tf.Variable([[1.0, -2.0], [0.5, 3.0]])
    starting_point = tf.constant([[0.25, 4.0], [0.5, -1.0]])
    target = starting_point if has_starting_point else 0.0
    with tf.GradientTape() as tape:
        penalty = l2 * tf.reduce_sum((values - target) ** 2)
    table: Any = SimpleNamespace(
        layer=SimpleNamespace(
            l2=l2, starting_point=starting_point if has_starting_point else None
        ),
        slots_end=2,
        without_slots=lambda x: x[:, :2],
    )
    # The last column is the last step that read the row: none, and step 2.
    columns = [values, *([starting_point] if has_starting_point else [])]
    packed = tf.concat([*columns, [[-1.0], [2.0]]], axis=1)
    found = LazyTable.add_l2_gradient(table, tf.ones((2, 2)), packed, np.int64(3))
    num_steps = np.array([[4], [1]])  # steps count from 0
    expected = 1 + num_steps * tape.gradient(penalty, values).numpy()
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-6)
