"""Weighted logistic regression: its equations, the mean, and the label's unit."""

import numpy as np
import pytest
import tensorflow as tf
from helpers.planted_data import loaded, parquet
from scipy.special import log_expit

from mtl_cli.tasks.wlr import WLR

TASK = WLR(label="y")
ABOUT = {"mean": 5.0}


def rows(count=400):
    """Random amounts, of which about half are 0, and logits."""
    random = np.random.default_rng(0)
    label = random.lognormal(2, 1.5, count) * (random.random(count) < 0.5)
    return label, random.normal(0, 3, (count, 1)).astype("float32")


def losses_of(label, logits, about=ABOUT):
    return TASK.row_losses(tf.constant(label), tf.constant(logits), about).numpy()


def test_loss_is_that_of_a_row_of_each_label_with_weights():
    label, logits = rows()
    x = logits[:, 0].astype("float64")
    expected = -log_expit(-x) - label / 5 * log_expit(x)
    np.testing.assert_allclose(losses_of(label, logits), expected, rtol=1e-5)


@pytest.mark.parametrize("distribution", ["lognormal", "gamma", "poisson"])
def test_loss_is_least_where_the_prediction_is_the_mean_of_the_labels(distribution):
    random = np.random.default_rng(1)
    label = {
        "lognormal": random.lognormal(1, 1.2, 4000) * (random.random(4000) < 0.3),
        "gamma": random.gamma(0.5, 8, 4000),
        "poisson": random.poisson(1.5, 4000).astype("float64"),
    }[distribution]
    logit = tf.constant([[np.log(label.mean() / 5)]], tf.float32)
    mean = TASK.predictions(logit, ABOUT).numpy()
    assert mean.dtype == np.float64
    assert mean.item() == pytest.approx(label.mean(), rel=1e-6)
    best = losses_of(label, np.repeat(logit, len(label), axis=0)).mean()
    for step in (-0.05, 0.05):
        other = losses_of(label, np.repeat(logit + step, len(label), axis=0)).mean()
        assert other > best + 1e-5


def test_loss_and_gradient_of_extreme_rows_are_finite():
    label = np.array([0.0, 0.0, 1e-300, 1e38, 7.0])
    logits = tf.constant([[-80.0], [80.0], [-80.0], [0.0], [80.0]])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        losses = TASK.row_losses(tf.constant(label), logits, {"mean": 1e3})
    assert np.isfinite(losses).all()
    assert np.isfinite(tape.gradient(losses, logits)).all()
    assert (losses.numpy() >= 0).all()


@pytest.mark.parametrize("unit", [1e-3, 1e6])
def test_losses_and_predictions_do_not_depend_on_the_unit(unit):
    label, logits = rows()
    scaled = {"mean": 5 * unit}
    np.testing.assert_allclose(
        losses_of(label * unit, logits, scaled), losses_of(label, logits), rtol=1e-5
    )
    found, expected = (TASK.predictions(logits, x) for x in (scaled, ABOUT))
    np.testing.assert_allclose(found, expected * unit)


def test_statistic_is_the_mean_of_the_training_labels_above_0(tmp_path):
    columns = {"user": [1, 2, 3, 4, 5], "y": [0.0, 2.0, None, 7.0, 60.0]}
    columns["seen"] = [1, 1, 1, 1, 0]
    tasks = {"y": {"label": "y", "kind": "wlr", "space": "seen"}}
    data = loaded(parquet(tmp_path, columns), {"user": {"kind": "sparse"}}, tasks)
    assert data.label_statistics["y"] == {"mean": 4.5}
