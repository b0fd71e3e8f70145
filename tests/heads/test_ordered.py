"""Ordered heads: which tasks and labels they take, and what they add to a step."""

import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers.networks import LAYOUT, config, features
from helpers.slow import slow_except

from mtl_cli.core.errors import DataError
from mtl_cli.data.table import Table
from mtl_cli.heads.ordered import Ordered
from mtl_cli.network.build import build
from mtl_cli.tasks.binary import Binary
from mtl_cli.tasks.regression import Regression
from mtl_cli.training.feed import MemoryFeed
from mtl_cli.training.steps import Steps

TASKS = {name: Binary(label=name) for name in ("click", "cart", "buy")}
MISSING = np.nan


def rows(**labels):
    """The labels of some rows, {task: its labels}."""
    return {name: np.array(y, "float32") for name, y in labels.items()}


@pytest.mark.parametrize(
    ("tasks", "message"),
    [
        ({"click": TASKS["click"]}, "ordered needs two or more tasks, all binary, but"),
        (
            TASKS | {"buy": Regression(label="buy")},
            "but this run has click (binary), cart (binary), buy (regression); choose",
        ),
        (
            TASKS | {"buy": Binary(label="buy", space="click")},
            "dataset.tasks.buy.space: ordered compares the tasks on all rows",
        ),
    ],
)
def test_tasks_that_have_no_order_are_refused(tasks, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        Ordered().check(tasks)


def test_labels_that_are_not_nested_are_refused_and_counted():
    nested = rows(click=[1, 1, 0, MISSING], cart=[1, 0, 0, 1], buy=[1, 0, MISSING, 1])
    Ordered().check_labels(TASKS, nested)
    broken = rows(click=[1, 1, 0, 0], cart=[1, 0, 1, MISSING], buy=[0, 0, 0, 1])
    message = "needs click = 1 wherever cart = 1, but 1 of 2 training rows with cart"
    with pytest.raises(DataError, match=message):
        Ordered().check_labels(TASKS, broken)


def test_penalty_of_a_row_is_what_later_tasks_are_predicted_above_earlier_ones():
    p = np.array([[0.9, 0.5, 0.4], [0.2, 0.5, 0.4], [0.1, 0.2, 0.6]])
    logits = {
        name: tf.constant(np.log(x / (1 - x))[:, None], "float32")
        for name, x in zip(TASKS, p.T, strict=True)
    }
    found = Ordered(order_penalty=2.0).row_penalty(logits, TASKS, {}, {})
    np.testing.assert_allclose(found, [0, 0.6, 1.0], atol=1e-6)


@pytest.mark.parametrize(
    ("weighted", "p", "expected"),
    [("buy", (0.1, 0.02), 0.0), ("click", (0.02, 0.1), 0.08)],
)
def test_penalty_compares_the_probabilities_that_are_predicted(weighted, p, expected):
    """A weight of positives shifts the trained logits, but not the predictions."""
    tasks = {
        name: Binary(label=name, positive_weight=50.0 if name == weighted else 1.0)
        for name in ("click", "buy")
    }
    logits = {
        name: tf.constant([[np.log(x / (1 - x)) - tasks[name].logit_shift]], tf.float32)
        for name, x in zip(tasks, p, strict=True)
    }
    found = Ordered(order_penalty=1.0).row_penalty(logits, tasks, {}, {})
    np.testing.assert_allclose(found, [expected], atol=1e-6)


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("strength", slow_except([3.0], [0.0, 3.0]))
def test_penalty_of_a_step_is_the_papers_calibrator(strength):
    """One step on 70 rows of batches of 64: the second batch has six rows."""
    heads = ["model.heads=ordered", f"model.order_penalty={strength}"]
    sizes = ["encoder.embedding_dim=4", "trainer.batch_size=64", "optimizer=sgd"]
    sizes += ["optimizer.learning_rate=0.5", "optimizer.momentum=0", "model=aitm"]
    sizes += ["trainer.compile=false"]
    chosen = config(*sizes, *heads, "model.bottom_units=[8]")
    tasks = list(chosen.chosen_tasks)
    inputs = {k: np.concatenate([x, x[:6]]) for k, x in features().items()}
    ones = np.ones(70, "float32")
    labels = {tasks[0]: ones * 0, tasks[1]: ones}  # teaches the wrong order
    keras.utils.set_random_seed(0)
    mine = build(chosen, LAYOUT)
    keras.utils.set_random_seed(0)
    plain = build(chosen, LAYOUT)
    steps = Steps(chosen, mine, 70)
    table = Table(inputs, labels, dict.fromkeys(tasks, ones))
    buffer = MemoryFeed(table, tasks).buffer(np.arange(70), 64)
    list(steps.epoch([buffer]))

    variables = plain.logits.trainable_variables
    for batch in (slice(0, 64), slice(64, 70)):
        with tf.GradientTape() as tape:
            logits = plain.logits({k: x[batch] for k, x in inputs.items()})
            p = [tf.sigmoid(logits[name][:, 0]) for name in tasks]
            loss = -tf.reduce_mean(tf.math.log(1 - p[0]) + tf.math.log(p[1]))
            loss += strength * tf.reduce_mean(tf.maximum(p[1] - p[0], 0))
        gradients = tape.gradient(loss, variables)
        for variable, gradient in zip(variables, gradients, strict=True):
            variable.assign_sub(0.5 * tf.convert_to_tensor(gradient))
    for a, b in zip(mine.logits.weights, variables, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
