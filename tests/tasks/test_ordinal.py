"""Ordinal tasks against CORN's equations in plain NumPy."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.special import expit, logsumexp

from mtl_cli.tasks.ordinal import Ordinal

CLASSES = ["bad", "poor", "fair", "good", "best"]
TASK = Ordinal(label="y", classes=CLASSES)
FLOAT32 = 1e-6


def rows(num_classes=5, count=300, size=3.0):
    """Random ranks, of which each occurs, and logits."""
    random = np.random.default_rng(0)
    label = random.permutation(np.arange(count) % num_classes).astype("float32")
    logits = random.normal(0, size, (count, num_classes - 1)).astype("float32")
    return label, logits


def corn_loss(label, logits):
    """The paper's loss before its division: the sum over the subsets S_k."""
    x = logits.astype("float64")
    total = 0.0
    for k in range(logits.shape[1]):
        subset = label > k - 1
        p = expit(x[subset, k])
        is_above = label[subset] > k
        total -= np.log(np.where(is_above, p, 1 - p)).sum()
    return total


def probabilities(logits):
    return TASK.predictions(tf.constant(logits), {}).numpy()


@pytest.mark.parametrize("num_classes", [2, 5])
def test_sum_of_losses_is_the_sum_over_the_papers_subsets(num_classes):
    label, logits = rows(num_classes)
    task = Ordinal(label="y", classes=list(range(num_classes)))
    losses = task.row_losses(tf.constant(label), tf.constant(logits), {}).numpy()
    assert losses.sum() == pytest.approx(corn_loss(label, logits), rel=FLOAT32 * 10)


def test_loss_of_a_row_is_the_log_loss_of_its_class():
    label, logits = rows()
    losses = TASK.row_losses(tf.constant(label), tf.constant(logits), {}).numpy()
    own = probabilities(logits)[np.arange(len(label)), label.astype(int)]
    np.testing.assert_allclose(losses, -np.log(own), rtol=1e-5)


def test_row_trains_no_logit_above_its_own_rank():
    label, logits = rows()
    x = tf.constant(logits)
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = tf.reduce_sum(TASK.row_losses(tf.constant(label), x, {}))
    gradient = tape.gradient(loss, x).numpy()
    is_trained = np.arange(4) <= label[:, None]
    assert (gradient[~is_trained] == 0).all()
    assert (gradient[is_trained] != 0).all()


def test_probabilities_are_the_differences_of_the_papers_products():
    _, logits = rows(size=1.0)
    above = np.cumprod(expit(logits.astype("float64")), axis=1)  # P(y > k)
    bounds = np.pad(above, ((0, 0), (1, 1)), constant_values=[(0, 0), (1, 0)])
    np.testing.assert_allclose(probabilities(logits), -np.diff(bounds), rtol=1e-5)


def test_probabilities_sum_to_1_and_are_rank_consistent():
    _, logits = rows(size=20.0)
    p = probabilities(logits)
    assert (p >= 0).all()
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=FLOAT32)
    above = 1 - np.cumsum(p.astype("float64"), axis=1)
    assert (np.diff(above, axis=1) <= 0).all()


def test_small_probabilities_keep_their_digits():
    logits = np.array([[-30.0, 0, 0, -40.0], [25.0, 25.0, 25.0, 25.0]], "float32")
    p = probabilities(logits)
    # P(y > 0) = e^-30, and P(y = 4) is that times 1/2, 1/2 and e^-40.
    assert np.log(p[0, 4]) == pytest.approx(-70 + 2 * np.log(0.5), rel=FLOAT32)
    assert np.log(p[1, 0]) == pytest.approx(-25, rel=FLOAT32)
    assert logsumexp(np.log(p[1])) == pytest.approx(0, abs=FLOAT32)


def test_labels_and_columns_are_those_of_classes():
    assert (TASK.num_logits, TASK.num_predictions) == (4, 5)
    assert TASK.label_text(3.0) == "good"
    p = probabilities(rows(count=7)[1])
    columns = TASK.prediction_columns("stars", p)
    assert list(columns) == [f"stars.{name}" for name in CLASSES]
    np.testing.assert_array_equal(columns["stars.fair"], p[:, 2])
