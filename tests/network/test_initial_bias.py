"""Towers begin at what the training labels have in common."""

import numpy as np
import pytest
import tensorflow as tf
from helpers.networks import SCENARIO, config, features, network
from helpers.slow import slow_except

from mtl_cli.columns.labels import LabelSummary
from mtl_cli.core.option_classes import option_names
from mtl_cli.data.table import Table
from mtl_cli.network import initial_bias
from mtl_cli.network.initial_bias import set_initial_biases
from mtl_cli.tasks.base import Array, Task
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
IS_POSITIVE = LABELS_OF_CLASSES == 2
RARE_AMOUNTS = np.where(np.arange(ROWS) % 10 == 0, AMOUNTS, 0)
CASES: list[tuple[Task, Array]] = [
    (Binary(label="y"), IS_POSITIVE),
    (Binary(label="y", positive_weight=7.0), IS_POSITIVE),
    (Binary(label="y", loss="focal"), IS_POSITIVE),
    (Binary(label="y", loss="focal", positive_weight=7.0), IS_POSITIVE),
    (Multiclass(label="y", classes=["a", "b", "c"]), LABELS_OF_CLASSES),
    (Ordinal(label="y", classes=["low", "mid", "high"]), LABELS_OF_CLASSES),
    *[
        (Regression(label="y", transform=transform, loss=loss), AMOUNTS)
        for transform in ("none", "standard", "log1p")
        for loss in ("mse", "mae", "huber")
    ],
    (WLR(label="y"), AMOUNTS),
    (WLR(label="y"), RARE_AMOUNTS),
    (ZILN(label="y"), RARE_AMOUNTS),
]


def test_every_kind_of_task_has_a_case():
    assert {task.kind for task, _ in CASES} == set(option_names("tasks"))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("task", "labels"), CASES)
def test_no_other_constant_logits_have_a_lower_loss(task, labels, weighted):
    labels = labels.astype("float64")
    summary = LabelSummary()
    summary.add(task.summarized(labels))
    statistics = task.label_statistics(summary)
    weights = 1 + weighted * np.where(labels > np.median(labels), 0.8, -0.8)
    weights /= weights.mean()

    def loss(logits):
        batch = tf.constant(np.tile(logits, (ROWS, 1)), tf.float32)
        y = tf.constant(labels, "float32" if task.HAS_CLASSES else "float64")
        losses = task.row_losses(y, batch, statistics).numpy()
        return weights @ losses.astype("float64")

    start = task.initial_logits(labels, weights, statistics)
    assert start.shape == (task.num_logits,)
    for direction in np.eye(task.num_logits):
        for step in (-0.02, 0.02):
            assert loss(start) < loss(start + step * direction)


@pytest.mark.parametrize("task", [task for task, _ in CASES])
@pytest.mark.parametrize("label", [0.0, 1.0])
def test_equal_labels_have_finite_logits(task, label):
    statistics = {"mean": 1.0, "deviation": 1.0}
    logits = task.initial_logits(np.full(10, label), np.ones(10), statistics)
    assert np.isfinite(logits).all()


def test_wlr_starts_at_the_mean_of_rare_amounts():
    """Before, it started at the mean of the amounts above 0."""
    labels, statistics = (
        np.repeat([0.0, 30.0, 50.0], [90_000, 5_000, 5_000]),
        {"mean": 40},
    )
    logits = WLR(label="y").initial_logits(labels, np.ones(100_000), statistics)
    predicted = WLR(label="y").predictions(logits[None], statistics)
    assert predicted.numpy().item() == pytest.approx(labels.mean(), rel=0.001)
