"""ESCM2's heads: the counterfactual risk, its gradient, and its relation to ESMM."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers.networks import LAYOUT, arrays, config, features
from pydantic import ValidationError
from scipy.special import expit

from mtl_cli.data.table import Table
from mtl_cli.heads.escm2 import ESCM2
from mtl_cli.heads.esmm import ESMM
from mtl_cli.network.build import build
from mtl_cli.tasks.binary import Binary
from mtl_cli.training.feed import MemoryFeed
from mtl_cli.training.steps import Steps

TASKS = {"click": Binary(label="click"), "buy": Binary(label="buy")}
ROWS = 70  # in batches of 64: the second batch has six rows
SIZES = [
    *["encoder.embedding_dim=4", "trainer.batch_size=64", "model=shared_bottom"],
    *["model.bottom_units=[8]", "optimizer=sgd", "optimizer.learning_rate=0.5"],
    "optimizer.momentum=0",
]
FLOAT32 = 1e-5  # relative tolerance


def bce(label, logit):
    """The cross-entropy of each row, in nats."""
    return np.logaddexp(0, logit) - label * logit


def penalty(heads, logits, labels, weights, tasks=TASKS):
    """The risk of each row, and its gradients for the logits of pCTR and pCVR."""
    towers = [tf.constant(x[:, None], "float32") for x in logits]
    numbers = [
        {name: tf.constant(x, "float32") for name, x in zip(tasks, pair, strict=True)}
        for pair in (labels, weights)
    ]
    with tf.GradientTape() as tape:
        tape.watch(towers)
        outputs = heads.connect(dict(zip(tasks, towers, strict=True)), tasks)
        risk = heads.row_penalty(outputs, tasks, *numbers)
    gradients = tape.gradient(risk, towers, unconnected_gradients="zero")
    return risk.numpy(), [x.numpy()[:, 0] for x in gradients]


def drawn(rows=200):
    """Logits of pCTR and pCVR, labels and weights."""
    random = np.random.default_rng(0)
    click, buy = random.integers(0, 2, (2, rows))
    return (
        random.normal(size=(2, rows)) * 3,
        (click, click * buy),
        random.random((2, rows)),
    )


def test_risk_and_gradient_are_the_papers_with_pctr_clipped_and_constant():
    (a, b), (click, buy), (unused, weight) = drawn()
    heads = ESCM2(counterfactual_weight=0.3, pctr_clip=0.2)
    found, (of_pctr, of_pcvr) = penalty(heads, (a, b), (click, buy), (unused, weight))
    propensity = np.maximum(expit(a), 0.2)
    assert (propensity == 0.2).any() and (propensity > 0.2).any()
    factor = 0.3 * weight * click / propensity
    np.testing.assert_allclose(found, factor * bce(buy, b), rtol=FLOAT32)
    np.testing.assert_allclose(of_pcvr, factor * (expit(b) - buy), rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(of_pctr, 0)


def test_tasks_of_the_risk_are_the_ones_that_are_named():
    logits, (click, buy), weights = drawn()
    heads = ESCM2(click_task="click", conversion_task="buy")
    swapped = {"buy": TASKS["buy"], "click": TASKS["click"]}
    expected, _ = penalty(ESCM2(), logits, (click, buy), weights)
    found, _ = penalty(heads, logits[::-1], (buy, click), weights[::-1], swapped)
    np.testing.assert_array_equal(found, expected)


def test_mean_risk_is_the_loss_of_all_impressions_as_if_each_were_clicked():
    """Over draws of clicks from pCTR. Conversions depend on what clicks depend on."""
    random = np.random.default_rng(0)
    a = random.normal(size=20_000)
    b = np.full_like(a, -1.0)
    draws = []
    for _ in range(20):
        click = random.random(a.shape) < expit(a)
        buy = random.random(a.shape) < expit(2 * a - 1)
        labels = click, click & buy
        ones = np.ones((2, len(a)))
        found, _ = penalty(
            ESCM2(counterfactual_weight=1, pctr_clip=1e-6), (a, b), labels, ones
        )
        of_clicks = bce(labels[1], b)[click].mean()
        draws.append((found.mean(), bce(buy, b).mean(), of_clicks))
    risk, of_all, of_clicks = np.mean(draws, axis=0)
    assert risk == pytest.approx(of_all, rel=0.01)
    assert abs(of_clicks - of_all) > 0.05 * of_all  # clicked rows alone are biased


def test_propensity_is_that_of_all_impressions():
    """Sampled rows multiply the odds that the click's tower learns."""
    (a, b), labels, weights = drawn()
    tasks = TASKS | {"click": Binary(label="click", sampling_rate=0.1)}
    heads = ESCM2(counterfactual_weight=1, pctr_clip=1e-9)
    found, _ = penalty(heads, (a, b), labels, weights, tasks)
    odds = 0.1 * np.exp(a)
    expected = weights[1] * labels[0] * bce(labels[1], b) * (1 + odds) / odds
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_loss_of_a_row_is_that_of_the_conversion_task():
    logits, (click, buy), weights = drawn()
    weighted = TASKS | {"buy": Binary(label="buy", positive_weight=3.0)}
    plain, _ = penalty(ESCM2(), logits, (click, buy), weights)
    found, _ = penalty(ESCM2(), logits, (click, buy), weights, weighted)
    np.testing.assert_allclose(found, plain * np.where(buy, 3, 1), rtol=FLOAT32)


def test_clip_is_a_probability_above_0():
    for clip in (0.0, 1.1, -0.1):
        with pytest.raises(ValidationError, match="pctr_clip"):
            ESCM2(pctr_clip=clip)
    with pytest.raises(ValidationError, match="counterfactual_weight"):
        ESCM2(counterfactual_weight=-1.0)


def rows(tasks):
    """Rows with weights, one without a click label and one without a conversion's."""
    random = np.random.default_rng(1)
    inputs = {k: np.concatenate([x, x[:6]]) for k, x in features().items()}
    click = random.integers(0, 2, ROWS).astype("float32")
    buy = click * random.integers(0, 2, ROWS).astype("float32")
    weight = random.uniform(0.5, 2, ROWS).astype("float32")
    click_weight, buy_weight = weight.copy(), weight.copy()
    click[3], click_weight[3] = np.nan, 0
    buy[5], buy_weight[5] = np.nan, 0
    click[5] = 1
    pairs = [(click, buy), (click_weight, buy_weight)]
    labels, weights = (dict(zip(tasks, pair, strict=True)) for pair in pairs)
    return Table(inputs, labels, weights)


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize(
    ("strength", "clip"), [pytest.param(0.5, 0.01, marks=pytest.mark.slow), (0.5, 0.6)]
)
def test_step_adds_the_weighted_mean_risk_to_the_losses_of_esmm(strength, clip):
    keys = [f"model.counterfactual_weight={strength}", f"model.pctr_clip={clip}"]
    chosen = config(*SIZES, "trainer.compile=false", "model.heads=escm2", *keys)
    tasks = list(chosen.chosen_tasks)
    table = rows(tasks)
    keras.utils.set_random_seed(0)
    mine = build(chosen, LAYOUT)
    keras.utils.set_random_seed(0)
    plain = build(chosen, LAYOUT)
    buffer = MemoryFeed(table, tasks).buffer(np.arange(ROWS), 64)
    list(Steps(chosen, mine, ROWS).epoch([buffer]))

    variables = plain.logits.trainable_variables
    for batch in (slice(0, 64), slice(64, ROWS)):
        click, buy = (np.nan_to_num(table.labels[name][batch]) for name in tasks)
        click_weight, buy_weight = (table.weights[name][batch] for name in tasks)
        with tf.GradientTape() as tape:
            logits = plain.logits({k: x[batch] for k, x in table.features.items()})
            a, _, b = (x[:, 0] for x in logits.values())
            p, q = tf.sigmoid(a), tf.sigmoid(b)

            def mean(weight, label, probability):
                loss = keras.losses.binary_crossentropy(
                    label[:, None], probability[:, None]
                )
                return tf.reduce_sum(weight * loss) / tf.reduce_sum(weight)

            inverse = 1 / tf.maximum(tf.stop_gradient(p), clip)
            total = mean(click_weight, click, p) + mean(buy_weight, buy, p * q)
            loss = keras.losses.binary_crossentropy(buy[:, None], q[:, None])
            risk = tf.reduce_sum(buy_weight * click * inverse * loss)
            total += strength * risk / tf.reduce_sum(buy_weight)
        gradients = tape.gradient(total, variables)
        for variable, gradient in zip(variables, gradients, strict=True):
            variable.assign_sub(0.5 * tf.convert_to_tensor(gradient))
    for x, y in zip(mine.logits.weights, variables, strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-4, atol=1e-5)


def trained(*overrides):
    """The weights and predictions after some steps of a compiled training."""
    chosen = config(*SIZES, "trainer.compile=true", *overrides)
    tasks = list(chosen.chosen_tasks)
    keras.utils.set_random_seed(0)
    net = build(chosen, LAYOUT)
    steps = Steps(chosen, net, ROWS)
    buffer = MemoryFeed(rows(tasks), tasks).buffer(np.arange(ROWS), 64)
    losses = [x for _ in range(3) for x in steps.epoch([buffer])]
    predictions = arrays(net.predictions(features()))
    return list(predictions), [
        *losses,
        *net.logits.get_weights(),
        *predictions.values(),
    ]


@pytest.mark.slow
def test_without_the_risk_the_heads_are_esmm_bit_by_bit():
    names, values = trained("model.heads=escm2", "model.counterfactual_weight=0")
    same_names, same_values = trained("model.heads=esmm")
    assert names == same_names
    for a, b in zip(values, same_values, strict=True):
        np.testing.assert_array_equal(a, b)
    assert ESCM2().outputs(TASKS) == ESMM().outputs(TASKS)


def test_messages_name_the_heads():
    with pytest.raises(ValueError, match=r"model\.heads=escm2 needs two tasks"):
        ESCM2().check({"click": TASKS["click"]})
