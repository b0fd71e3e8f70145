"""Towers begin at what the training labels have in common."""

import numpy as np
import pytest
import tensorflow as tf
from helpers.networks import SCENARIO, config, features, network
from helpers.slow import slow_except

from mtl_cli.core.option_classes import option_names
from mtl_cli.data.table import Table
from mtl_cli.network import initial_bias
from mtl_cli.network.initial_bias import set_initial_biases
from mtl_cli.tasks.binary import Binary
from mtl_cli.tasks.multiclass import Multiclass
from mtl_cli.tasks.ordinal import Ordinal
from mtl_cli.tasks.regression import Regression
from mtl_cli.tasks.wlr import WLR
from mtl_cli.tasks.ziln import ZILN

SMALL = ["model=shared_bottom", "encoder.embedding_dim=4"]
PRIORS = {"ppnet": ["model.prior_features=[hour]"]}
RATES = {"income": 0.02, "never_married": 0.4}
ROWS = 5_000
AMOUNTS = np.random.default_rng(0).gamma(2.0, 3.0, ROWS)


def rows_with(rates: dict[str, float]) -> Table:
    """Returns rows in which the tasks have label 1 with these rates, exactly."""
    labels = {
        task: (np.arange(ROWS) < rate * ROWS).astype("float32")
        for task, rate in rates.items()
    }
    weights = {task: np.ones(ROWS, "float32") for task in rates}
    return Table({"dense": np.zeros((ROWS, 2), "float32")}, labels, weights)


def predictions_without_kernels(overrides: list[str], table: Table):
    """Predicts with a network whose weights are 0, except the initial biases."""
    net = network(*overrides)
    for weight in net.logits.weights:
        weight.assign(np.zeros(weight.shape))
    set_initial_biases(net, config(*overrides), table)
    return {
        name: np.unique(np.round(values, 6))
        for name, values in net.predictions(features()).items()
    }


@pytest.mark.parametrize("towers", option_names("towers"))
@pytest.mark.parametrize("members", slow_except([1], [1, 2]))
def test_network_without_kernels_predicts_the_rates_of_the_labels(towers, members):
    overrides = [*SMALL, *SCENARIO, *PRIORS.get(towers, []), f"model.towers={towers}"]
    overrides += [f"model.members={members}", "model.tower_units=[6]"]
    predicted = predictions_without_kernels(overrides, rows_with(RATES))
    for task, rate in RATES.items():
        assert predicted[task] == pytest.approx(rate, rel=0.01)


def test_tower_of_a_conversion_begins_at_its_rate_among_the_clicks():
    table = rows_with({"income": 0.1, "never_married": 0.02})
    table.weights["never_married_given_income"] = table.labels["income"]
    predicted = predictions_without_kernels([*SMALL, "model.heads=esmm"], table)
    rates = {"income": 0.1, "never_married": 0.02, "never_married_given_income": 0.2}
    assert predicted.keys() == rates.keys()
    for output, rate in rates.items():
        assert predicted[output] == pytest.approx(rate, rel=0.01)


def test_rows_without_weight_do_not_count_and_others_count_by_their_weight():
    table = rows_with({"income": 0.5, "never_married": 0.4})
    table.labels["income"][-100:] = np.nan
    table.weights["income"][-100:] = 0
    table.weights["income"][:2500] = 3  # the rows with label 1
    predicted = predictions_without_kernels(SMALL, table)
    assert predicted["income"] == pytest.approx(7500 / (7500 + 2400), rel=0.001)


def test_rows_with_rates_of_their_own_begin_at_the_rate_of_complete_data():
    table = rows_with({"income": 0.2, "never_married": 0.4})
    table.log_rates["income"] = np.full(ROWS, np.log(0.1), "float32")
    table.population["income"] = np.where(table.labels["income"] == 0, 10, 1)
    predicted = predictions_without_kernels(SMALL, table)
    assert predicted["income"] == pytest.approx(0.2 / (0.2 + 8), rel=0.01)


def test_long_tables_are_read_in_part(monkeypatch):
    monkeypatch.setattr(initial_bias, "MAX_ROWS", 60)
    table = rows_with({"income": 0.5, "never_married": 0.4})
    predicted = predictions_without_kernels(SMALL, table)
    assert predicted["income"] == pytest.approx(0.5, abs=0.02)


LABELS_OF_CLASSES = np.repeat([0, 1, 2], [500, 3_000, 1_500])


@pytest.mark.parametrize(
    ("task", "labels"),
    [
        (Binary(label="y"), LABELS_OF_CLASSES == 1),
        (Binary(label="y", positive_weight=7.0), LABELS_OF_CLASSES == 1),
        (Multiclass(label="y", classes=["a", "b", "c"]), LABELS_OF_CLASSES),
        (Ordinal(label="y", classes=["low", "mid", "high"]), LABELS_OF_CLASSES),
        (Regression(label="y"), AMOUNTS),
        (Regression(label="y", transform="log1p"), AMOUNTS),
        (Regression(label="y", transform="standard"), AMOUNTS),
        (WLR(label="y"), AMOUNTS),
    ],
)
def test_no_other_constant_logits_have_a_lower_loss(task, labels):
    statistics = {"mean": labels.mean(), "deviation": labels.std()}
    weights = np.ones(ROWS)
    if task.HAS_CLASSES:
        weights = np.tile([0.5, 1.5], ROWS // 2)
    labels = labels.astype("float32")

    def loss(logits):
        batch = tf.constant(np.tile(logits, (ROWS, 1)), tf.float32)
        losses = task.row_losses(tf.constant(labels), batch, statistics).numpy()
        return weights @ losses.astype("float64")

    start = task.initial_logits(labels.astype("float64"), weights)
    assert start.shape == (task.num_logits,)
    for direction in np.eye(task.num_logits):
        for step in (-0.02, 0.02):
            assert loss(start) < loss(start + step * direction)


def test_tower_of_amounts_with_many_zeros_begins_at_their_share():
    labels = np.array([0.0] * 900 + [5.0] * 100)
    first, *others = ZILN(label="y").initial_logits(labels, np.ones(1000))
    assert 1 / (1 + np.exp(-first)) == pytest.approx(0.1, rel=0.01)
    assert others == [0, 0]


@pytest.mark.parametrize(
    "task", [Binary(label="y"), Multiclass(label="y", classes=["a", "b", "c"])]
)
def test_missing_class_has_a_finite_logit(task):
    assert np.isfinite(task.initial_logits(np.zeros(10), np.ones(10))).all()
