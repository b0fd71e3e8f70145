"""The rule for rows of a large table equals the Keras optimizer, for each optimizer."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers.networks import config
from helpers.slow import slow_except

from mtl_cli.core.errors import ConfigError
from mtl_cli.core.option_classes import option_class, option_names
from mtl_cli.optimizers.base import Optimizer

ROWS, WIDTH, STEPS = 5, 3, 4
NAMES = option_names("optimizers")
# Other values than those of conf/optimizer/*.yaml, by the key.
OTHER_VALUES = {
    "beta_1": "0.5",
    "beta_2": "0.7",
    "epsilon": "0.1",
    "weight_decay": "0.9",
    "initial_accumulator_value": "2.0",
    "momentum": "0.3",
    "nesterov": "true",
}
# Both sides round float32 numbers of about 1, in another order.
ROUNDING = 2e-6


def own_keys(name: str) -> list[str]:
    """The keys of an optimizer that not all optimizers have."""
    fields = option_class("optimizers", name, Optimizer).model_fields
    return [key for key in fields if key not in Optimizer.model_fields]


CASES = [(name, key) for name in NAMES for key in ["", *own_keys(name)]]
CASES += [("sgd", "no momentum")]


def chosen(name: str, key: str) -> Optimizer:
    """An optimizer with another value of one key, and a rate that changes."""
    changes = [f"optimizer.{key}={OTHER_VALUES[key]}"] if key in OTHER_VALUES else []
    if key == "no momentum":
        changes = ["optimizer.momentum=0"]
    settings = [f"optimizer={name}", "optimizer.learning_rate=0.1"]
    settings += ["optimizer.schedule=linear", "optimizer.warmup_steps=2"]
    return config(*settings, *changes).optimizer


def gradients(width: int) -> Any:
    random = np.random.default_rng(1)
    return random.normal(size=(STEPS, ROWS, width)).astype("float32")


def start(width: int) -> Any:
    return np.random.default_rng(0).normal(size=(ROWS, width)).astype("float32")


def by_keras(optimizer: Optimizer, width: int) -> Any:
    """The rows after each step of the Keras optimizer."""
    rows = keras.Variable(start(width))
    dense = optimizer.build(total_steps=10)
    after = []
    for gradient in gradients(width):
        dense.apply([tf.constant(gradient)], [rows])
        after.append(rows.numpy())
    return np.stack(after)


def by_rule(optimizer: Optimizer, width: int) -> Any:
    """The rows after each step of the rule for rows."""
    rows = tf.constant(start(width))
    slots = [
        tf.fill((ROWS, 1 if slot.per_row else width), slot.start)
        for slot in optimizer.row_slots()
    ]
    dense = optimizer.build(total_steps=10)
    dense.build([keras.Variable(start(width))])
    after = []
    for gradient in gradients(width):
        step, rate = tf.constant(len(after)), tf.convert_to_tensor(dense.learning_rate)
        change, slots = optimizer.row_change(
            rows, tf.constant(gradient), slots, step, rate
        )
        rows += change
        dense.iterations.assign_add(1)
        after.append(rows.numpy())
    return np.stack(after)


@pytest.mark.parametrize(
    ("name", "key"), slow_except([case for case in CASES if not case[1]], CASES)
)
def test_rule_for_rows_equals_the_keras_optimizer(name: str, key: str) -> None:
    optimizer = chosen(name, key)
    # One number for a row equals one number for each column where there is one column.
    width = 1 if any(slot.per_row for slot in optimizer.row_slots()) else WIDTH
    np.testing.assert_allclose(
        by_rule(optimizer, width), by_keras(optimizer, width), atol=ROUNDING
    )


@pytest.mark.parametrize(("name", "key"), [case for case in CASES if case[1]])
def test_every_key_changes_the_steps(name: str, key: str) -> None:
    usual, other = chosen(name, ""), chosen(name, key)
    for steps in (by_keras, by_rule):
        difference = abs(steps(usual, WIDTH) - steps(other, WIDTH)).max()
        assert difference > 20 * ROUNDING


def test_number_of_a_row_is_the_mean_over_its_columns() -> None:
    optimizer = config("optimizer=rowwise_adagrad").optimizer
    gradient = tf.constant([[1.0, 2.0, 3.0]])
    change, (total,) = optimizer.row_change(
        gradient, gradient, [tf.constant([[0.5]])], 0, 0.1
    )
    assert total.numpy() == pytest.approx(0.5 + 14 / 3)
    expected = -0.1 * gradient.numpy() / np.sqrt(0.5 + 14 / 3 + 1e-7)
    np.testing.assert_allclose(change.numpy(), expected, rtol=1e-6)


def test_adagrad_of_rows_refuses_to_update_whole_tables() -> None:
    message = "optimizer.lazy: false should be auto or true, because rowwise_adagrad"
    with pytest.raises(ConfigError, match=message):
        config("optimizer=rowwise_adagrad", "optimizer.lazy=false")


@pytest.mark.parametrize("name", NAMES)
def test_optimizer_moves_embeddings_at_its_defaults(name: str) -> None:
    """In a batch of 512 rows, the gradient of one row's user is 1 / 512 at most."""
    optimizer = config(f"optimizer={name}").optimizer.build(total_steps=1000)
    embedding = keras.Variable(np.zeros(1, "float32"))
    optimizer.build([embedding])

    @tf.function(autograph=False)  # a thousand eager steps take seconds
    def ten_steps() -> None:
        for gradient in [2e-4, *9 * [0.0]]:
            optimizer.apply([tf.constant([gradient])], [embedding])

    for _ in range(100):
        ten_steps()
    # Embeddings start with a standard deviation of 0.05.
    assert float(embedding[0]) < -0.01
