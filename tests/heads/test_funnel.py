"""Funnel heads: the steps that they take, their outputs, and their products."""

import re
from dataclasses import replace
from itertools import accumulate, pairwise
from operator import mul

import numpy as np
import pytest
import tensorflow as tf
from helpers.networks import LAYOUT, arrays, config, features, randomize
from scipy.special import expit

from mtl_cli.data.table import Table
from mtl_cli.heads.funnel import Funnel
from mtl_cli.heads.independent import Independent
from mtl_cli.network.build import build
from mtl_cli.tasks.binary import Binary
from mtl_cli.tasks.regression import Regression
from mtl_cli.training.feed import MemoryFeed
from mtl_cli.training.steps import Steps

BINARY = {name: Binary(label=name) for name in ("click", "cart", "buy")}
TASKS = BINARY | {"seconds": Regression(label="seconds")}
MISSING = np.nan
CART_TASK = "+dataset.tasks.cart={label: cart, kind: binary}"


def rows(**labels):
    """The labels of some rows, {task: its labels}."""
    return {name: np.array(y, "float32") for name, y in labels.items()}


def test_steps_are_the_binary_tasks_unless_others_are_named():
    assert Funnel().steps(TASKS) == ["click", "cart", "buy"]
    assert Funnel(funnel_steps=["cart", "buy"]).steps(TASKS) == ["cart", "buy"]
    Funnel().check(TASKS)


def test_each_later_step_adds_its_factor_scored_on_rows_of_the_step_before():
    *of_tasks, cart, buy = Funnel().outputs(TASKS)
    plain = {output.name: output for output in Independent().outputs(TASKS)}
    # Rows without a click are sampled, so all products count rows as clicks do.
    plain["cart"] = replace(plain["cart"], sampled_task="click")
    plain["buy"] = replace(plain["buy"], sampled_task="click")
    assert of_tasks == [*plain.values()]
    assert (cart.name, cart.label, cart.space) == ("cart_given_click", "cart", "click")
    assert (buy.name, buy.label, buy.space) == ("buy_given_cart", "buy", "cart")
    assert buy.truth_tasks == ("buy", "cart")
    assert cart.added_by_heads and buy.added_by_heads
    towers = Funnel().tower_outputs(TASKS)
    assert towers == {
        "click": plain["click"],
        "cart": cart,
        "buy": buy,
        "seconds": plain["seconds"],
    }


@pytest.mark.parametrize(
    ("steps", "tasks", "message"),
    [
        (None, {"click": BINARY["click"]}, "model.heads=funnel needs two steps"),
        ([], TASKS, "funnel needs two steps or more, but the steps are []; name"),
        (["click", "crat"], TASKS, "model.funnel_steps: no task 'crat' in this run"),
        (["click", "buy", "click"], TASKS, "click, buy, click name a task twice"),
        (
            ["click", "seconds"],
            TASKS,
            "model.funnel_steps: task seconds is of kind regression; funnel needs",
        ),
        (
            None,
            TASKS | {"buy": Binary(label="buy", space="click")},
            "dataset.tasks.buy.space: funnel trains on all impressions",
        ),
        (
            None,
            TASKS | {"buy": Binary(label="buy", sampling_rate=0.5)},
            "funnel can only correct for sampled rows with click = 0 "
            "(dataset.tasks.click.sampling_rate); set dataset.tasks.buy.sampling_rate",
        ),
        *(
            (
                None,
                TASKS | {name: Binary(label=name, positive_weight=2.0)},
                f"dataset.tasks.{name}.positive_weight: funnel multiplies",
            )
            for name in ("click", "cart", "buy")
        ),
    ],
)
def test_tasks_that_are_no_funnel_are_refused(steps, tasks, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        Funnel(funnel_steps=steps).check(tasks)


def test_rows_that_skip_a_step_are_counted_for_each_step():
    nested = rows(click=[1, 1, 0, MISSING], cart=[1, 0, 0, 1], buy=[1, 0, 0, 1])
    assert Funnel().label_warnings(BINARY, nested) == []
    broken = rows(
        click=[0, 1, 0, 1, 0], cart=[1, 0, MISSING, 1, 0], buy=[0, 1, 1, 1, MISSING]
    )
    cart, buy = Funnel().label_warnings(BINARY, broken)
    assert "1 of 2 training rows with cart = 1 have click = 0, so that" in cart
    assert "2 of 3 training rows with buy = 1 have click = 0 or cart = 0" in buy


def test_missing_labels_are_compared_with_the_step_before():
    n = 1000
    labels = rows(click=[1] * 2 * n, cart=[1, 0] * n, buy=[MISSING, 0] * n)
    (warning,) = Funnel().label_warnings(BINARY, labels)
    assert warning.startswith(
        "labels of buy are missing on 1,000 of 1,000 training rows with cart = 1, but "
        "on 0 of 1,000 with cart = 0"
    )


@pytest.mark.parametrize(("num_steps", "rounding"), [(2, 1e-6), (5, 2e-6)])
def test_logits_and_gradients_of_products_are_exact_for_extreme_logits(
    num_steps, rounding
):
    names = [f"step_{i}" for i in range(num_steps)]
    random = np.random.default_rng(0)
    a = random.uniform(-80, 80, (500, num_steps)).astype("float32")
    a[:4] = [[end] * num_steps for end in (-80, -40, 0, 80)]
    a[4:6] = [[end, *[-end] * (num_steps - 1)] for end in (-80, 80)]
    towers = {name: tf.constant(x[:, None]) for name, x in zip(names, a.T, strict=True)}
    tasks = {name: Binary(label=name) for name in names}
    with tf.GradientTape() as tape:
        tape.watch(towers)
        outputs = Funnel().connect(towers, tasks)
        last = outputs[names[-1]]
    slopes = tape.gradient(last, towers)

    # L = -log(p), so that logit(p) = -log(exp(L) - 1) = -L - log(1 - exp(-L)).
    softplus = np.logaddexp(0, -a.astype("float64"))
    losses = softplus.sum(axis=1)
    logit = -losses - np.log(-np.expm1(-losses))
    np.testing.assert_allclose(last[:, 0], logit, rtol=1e-6, atol=rounding)
    for name, x in zip(names, a.T.astype("float64"), strict=True):
        slope = expit(-x) / -np.expm1(-losses)
        np.testing.assert_allclose(slopes[name][:, 0], slope, rtol=0, atol=rounding)
    assert outputs[names[0]] is towers[names[0]]
    for before, name in pairwise(names):
        assert outputs[f"{name}_given_{before}"] is towers[name]


def test_predictions_are_products_of_calibrated_towers_in_the_order_of_the_steps():
    steps = ["never_married", "cart", "income"]
    settings = [f"model.funnel_steps=[{','.join(steps)}]", CART_TASK]
    settings += ["encoder.embedding_dim=4", "model=mmoe"]
    settings += [
        "+dataset.tasks.rating={label: rating, kind: regression, transform: none}"
    ]
    settings += ["tasks=[income,cart,rating,never_married]", "model.heads=funnel"]
    settings += ["+dataset.tasks.never_married.sampling_rate=0.2"]
    net = build(config(*settings), LAYOUT)
    randomize(net.logits)
    for i, layer in enumerate(net.calibrations.values()):
        layer.scale.assign(0.5 + i)
        layer.shift.assign(layer.shift + i)
    trained, predicted = (
        arrays(net.logits(features())),
        arrays(net.predictions(features())),
    )
    names = [steps[0], "cart_given_never_married", "income_given_cart"]
    factors = []
    for task, name in zip(steps, names, strict=True):
        layer = net.calibrations[task]
        logit = float(layer.scale) * trained[name] + float(layer.shift)
        factors.append(expit(logit))
        np.testing.assert_allclose(predicted[name], factors[-1], rtol=1e-5)
    for task, product in zip(steps, accumulate(factors, mul), strict=True):
        np.testing.assert_allclose(predicted[task], product, rtol=1e-4)
    np.testing.assert_array_equal(predicted["rating"], trained["rating"])
    assert predicted.keys() == {*steps, "rating", *names[1:]}
    # Of the rows with label 0, the data keep a fifth.
    assert net.calibrations["never_married"].shift.numpy() == pytest.approx(
        np.log(0.2) + list(net.calibrations).index("never_married")
    )


def trained_weights(heads):
    """The weights after some steps of a compiled training from one seed."""
    chosen = config(
        *["encoder.embedding_dim=4", "model=shared_bottom", "trainer.batch_size=32"],
        *["model.bottom_units=[8]", "trainer.compile=true", f"model.heads={heads}"],
    )
    tf.keras.utils.set_random_seed(0)
    net = build(chosen, LAYOUT)
    inputs, tasks = features(), list(chosen.chosen_tasks)
    random = np.random.default_rng(1)
    click = random.integers(0, 2, 64).astype("float32")
    labels = {tasks[0]: click, tasks[1]: click * random.integers(0, 2, 64)}
    labels = {name: label.astype("float32") for name, label in labels.items()}
    weights = dict.fromkeys(tasks, np.ones(64, "float32"))
    steps = Steps(chosen, net, 64)
    feed = MemoryFeed(Table(inputs, labels, weights), tasks)
    losses = [list(steps.epoch([feed.buffer(np.arange(64), 32)])) for _ in range(3)]
    outputs = arrays(net.predictions(inputs))
    return [*losses, *net.logits.get_weights(), *outputs.values()], list(outputs)


@pytest.mark.slow
def test_two_steps_are_esmm_bit_by_bit():
    (funnel, names), (esmm, same_names) = map(trained_weights, ["funnel", "esmm"])
    assert (
        names == same_names == ["income", "never_married", "never_married_given_income"]
    )
    for a, b in zip(funnel, esmm, strict=True):
        np.testing.assert_array_equal(a, b)
