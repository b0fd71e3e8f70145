"""What all kinds of tasks promise whose labels are amounts."""

import numpy as np
import pandas as pd
import pyarrow
import pytest
import tensorflow as tf
from helpers.planted_data import config, loaded, parquet, run_in, values
from scipy.special import expit

from mtl_cli.core.errors import DataError
from mtl_cli.core.option_classes import option_names
from mtl_cli.scoring.scores import score
from mtl_cli.tasks._amounts import AmountTask
from mtl_cli.tasks.base import task_class
from mtl_cli.training.losses import task_losses

KINDS = [
    kind for kind in option_names("tasks") if issubclass(task_class(kind), AmountTask)
]
FEATURES = {"user": {"kind": "sparse"}, "price": {"kind": "dense"}}


def test_kinds_are_found():
    assert KINDS == ["wlr", "ziln"]


@pytest.mark.parametrize("kind", KINDS)
def test_row_without_a_label_has_no_gradient(kind):
    task, random = task_class(kind)(label="y"), np.random.default_rng(0)
    label = random.lognormal(2, 1.5, 10) * (random.random(10) < 0.5)
    logits = random.normal(0, 1.5, (10, task.num_logits)).astype("float32")
    about, weight = {"mean": 2.0, "deviation": 1.5}, np.ones(10, "float32")
    expected = task.row_losses(tf.constant(label[4:]), tf.constant(logits[4:]), about)
    label[:4], weight[:4] = np.nan, 0
    x = tf.constant(logits)
    with tf.GradientTape() as tape:
        tape.watch(x)
        arguments = {"t": x}, {"t": tf.constant(label)}, {"t": weight}, {"t": about}
        loss = task_losses({"t": task}, *arguments)[0]
    assert float(loss) == pytest.approx(expected.numpy().mean(), rel=1e-5)
    gradient = tape.gradient(loss, x).numpy()
    assert (gradient[:4] == 0).all()
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("amounts", "message"),
    [
        ([0.0, -1.0, 3.0], "row 2 holds -1, not a finite amount of 0 or more"),
        ([0.0, 1.0, 1e39], "row 3 holds 1e\\+39, not a finite amount"),
        (["0", "a", "b"], "convert the column to numbers"),
        (
            [0.0, 0.0, 0.0],
            "none of the 3 training labels is above 0, but a {kind} task",
        ),
    ],
)
def test_labels_that_are_no_amounts_are_refused(tmp_path, kind, amounts, message):
    columns = {"user": [1, 2, 3], "price": [1.0, 2.0, 3.0], "spent": amounts}
    tasks = {"spent": {"label": "spent", "kind": kind}}
    with pytest.raises(DataError, match=message.format(kind=kind)):
        loaded(parquet(tmp_path, columns), FEATURES, tasks)


def planted(count):
    """Amounts whose mean follows from user and price, most of them 0."""
    random = np.random.default_rng(0)
    user, price = random.integers(0, 8, count), random.normal(size=count)
    is_positive = random.random(count) < expit(price - 1)
    spent = random.lognormal(user / 4, 1, count) * is_positive
    return pd.DataFrame({"user": user, "price": price, "spent": spent})


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("unit", [1.0, 1e-3, 1e6])
def test_planted_amounts_are_learnt_in_any_unit(tmp_path, kind, unit):
    frame = planted(6000)
    frame["spent"] *= unit
    path = parquet(tmp_path, pyarrow.Table.from_pandas(frame, preserve_index=False))
    tasks = {"spent": {"label": "spent", "kind": kind}}
    data = values(path, FEATURES, tasks, valid_fraction=0.3)
    overrides = ["trainer.epochs=10", "model.bottom_units=[32]"]
    scores = run_in(tmp_path / "run", config(data, *overrides))["valid"]["spent"]
    # On such rows the true means have a normalised Gini of about .52, and a D2 of .16.
    assert scores["gini"] > 0.46
    assert scores["d2"] > 0.13
    assert scores["pcoc"] == pytest.approx(1, abs=0.15)


def test_metrics_that_a_huge_prediction_makes_infinite_are_undefined():
    label, prediction = np.array([0.0, 1, 2]), np.array([0.0, 1, 1e200])
    scores = score(task_class("ziln")(label="y"), label, prediction, np.ones(3))
    assert scores["rmse"] is scores["r2"] is None
    assert "of this metric is inf" in scores["why"]["rmse"]
    assert scores["gini"] == 1
