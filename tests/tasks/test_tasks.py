"""Kinds of tasks, each on its own rows: losses, predictions, metrics, whole runs."""

import json

import numpy as np
import pandas as pd
import pyarrow.parquet
import pytest
import sklearn.metrics
import tensorflow as tf
from helpers.planted_data import config, loaded, parquet, run_in, values
from helpers.slow import slow_except

from mtl_cli.columns.labels import LabelSummary
from mtl_cli.core import tensorflow_runtime
from mtl_cli.data.load import load
from mtl_cli.network.build import build
from mtl_cli.runs import saved_model
from mtl_cli.scoring.scores import score
from mtl_cli.tasks.binary import Binary, focal
from mtl_cli.tasks.multiclass import Multiclass
from mtl_cli.tasks.regression import Regression
from mtl_cli.tasks.ziln import parameters
from mtl_cli.training.feed import MemoryFeed
from mtl_cli.training.losses import task_losses
from mtl_cli.training.steps import Steps

FLOAT32 = 1e-6  # relative rounding of a few float32 operations
# Both sides sum the same numbers in float64, in another order.
ROUNDING = 1e-12

FEATURES = {
    "user": {"kind": "sparse"},
    "item": {"kind": "sparse"},
    "price": {"kind": "dense", "transform": "standard"},
}
GRADES = ["low", "mid", "high"]
TASKS = {
    "click": {"label": "click", "kind": "binary"},
    "rare": {"label": "rare", "kind": "binary", "loss": "focal"},
    "buy": {"label": "buy", "kind": "binary", "space": "click", "truth": "chance"},
    "grade": {"label": "grade", "kind": "multiclass", "classes": GRADES},
    "amount": {"label": "amount", "kind": "regression", "transform": "log1p"},
    "score": {"label": "score", "kind": "regression", "transform": "standard"},
    "stars": {"label": "grade", "kind": "ordinal", "classes": GRADES},
    "money": {"label": "money", "kind": "ziln"},
    "seconds": {"label": "money", "kind": "wlr"},
}


def planted(rows=900, seed=0):
    """Rows whose labels follow from their features; most of some are missing."""
    random = np.random.default_rng(seed)
    user, item = random.integers(0, 6, rows), random.integers(0, 5, rows)
    price = random.normal(size=rows)
    taste = (user + item) % 3
    click = random.random(rows) < 0.3 + 0.2 * taste
    chance = 1 / (1 + np.exp(-2 * price))
    rare = (price + random.normal(size=rows) > 0).astype(float)
    return pd.DataFrame(
        {
            "user": user,
            "item": item,
            "price": price,
            "click": click.astype(int),
            # 90 % of the labels are missing.
            "rare": np.where(random.random(rows) < 0.9, np.nan, rare),
            "buy": (random.random(rows) < chance).astype(float),
            "chance": chance,
            "grade": pd.Series(np.array(GRADES)[taste]).mask(random.random(rows) < 0.3),
            "amount": np.exp(taste + random.normal(0, 0.1, rows)) - 1,
            "score": 1000 + 50 * price + random.normal(0, 5, rows),
            "money": np.where(price > 0, np.exp(2 * price + taste), 0),
        }
    )


@pytest.fixture(scope="module")
def rows():
    return planted()


@pytest.fixture(scope="module")
def file(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("rows")
    return parquet(folder, pyarrow.Table.from_pandas(rows, preserve_index=False))


@pytest.fixture(scope="module")
def ran(tmp_path_factory, file):
    """The folder of a run of one epoch on all tasks.

    Most of its batches have no row of the rare task, many none of others.
    """
    folder = tmp_path_factory.mktemp("run") / "run"
    keys = {"valid_fraction": 0.1, "test_fraction": 0.3}
    chosen = config(values(file, FEATURES, TASKS, **keys), "trainer.batch_size=5")
    run_in(folder, chosen)
    return folder


@pytest.fixture(scope="module")
def found(ran):
    return json.loads((ran / "metrics.json").read_text())


@pytest.fixture(scope="module")
def tested(ran, rows):
    """The raw test rows, and their predictions."""
    frame = pd.read_parquet(ran / "predictions.parquet")
    assert len(frame) == 270
    raw = rows.iloc[frame["row"].to_numpy() - 1].reset_index(drop=True)
    return raw, frame


# Each task on its own rows, through a whole run


@pytest.mark.parametrize("task", ["click", "rare", "buy"])
def test_binary_task_is_scored_on_its_own_rows(found, tested, task):
    raw, frame = tested
    mine = raw[task].notna()
    if task == "buy":
        mine &= raw["click"] == 1
    y = raw[task][mine]
    p = frame[f"{task}_prediction"][mine].astype("float64")
    scores = found["test"][task]
    assert 0 < mine.sum() <= len(raw)
    assert (scores["rows"], scores["positives"]) == (mine.sum(), y.sum())
    auc = sklearn.metrics.roc_auc_score(y, p)
    assert scores["auc"] == pytest.approx(auc, abs=ROUNDING)
    pr_auc = sklearn.metrics.average_precision_score(y, p)
    assert scores["pr_auc"] == pytest.approx(pr_auc, abs=ROUNDING)
    loss = sklearn.metrics.log_loss(y, p)
    assert scores["log_loss"] == pytest.approx(loss, abs=ROUNDING)
    assert scores.get("space") == ("click = 1" if task == "buy" else None)


def test_rows_of_tasks_differ_as_planted(found, rows):
    counts = {task: s["rows"] for task, s in found["test"].items()}
    assert counts["click"] == counts["amount"] == counts["score"] == 270
    assert 15 < counts["rare"] < 45
    assert 80 < counts["buy"] < 200
    in_all = {task: sum(found[s][task]["rows"] for s in found) for task in TASKS}
    assert in_all["rare"] == rows["rare"].notna().sum()
    assert in_all["buy"] == (rows["click"] == 1).sum()
    assert in_all["grade"] == rows["grade"].notna().sum()


def test_label_of_a_multiclass_task_is_written_as_the_name_of_its_class(tested):
    raw, frame = tested
    assert raw["grade"].isna().any()
    written = frame["grade"].astype("object")
    assert written.dropna().tolist() == raw["grade"].dropna().tolist()
    assert written.isna().tolist() == raw["grade"].isna().tolist()
    assert frame["grade"].cat.categories.tolist() == GRADES


def test_multiclass_metrics_equal_scikit_learns(found, tested):
    raw, frame = tested
    mine = raw["grade"].notna()
    y = raw["grade"][mine].map(GRADES.index)
    p = np.stack(frame["grade_prediction"][mine]).astype("float64")
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=FLOAT32)
    p /= p.sum(axis=1, keepdims=True)  # scikit-learn refuses float32's sums
    scores = found["test"]["grade"]
    assert scores["rows"] == mine.sum()
    assert "positives" not in scores
    accuracy = sklearn.metrics.accuracy_score(y, p.argmax(axis=1))
    assert scores["accuracy"] == pytest.approx(accuracy, abs=ROUNDING)
    loss = sklearn.metrics.log_loss(y, p)
    assert scores["log_loss"] == pytest.approx(loss, rel=FLOAT32)
    auc = sklearn.metrics.roc_auc_score(y, p, multi_class="ovr", average="macro")
    assert scores["macro_auc"] == pytest.approx(auc, abs=ROUNDING)


@pytest.mark.parametrize("task", ["amount", "score"])
def test_regression_is_scored_in_the_labels_own_unit(found, tested, task):
    raw, frame = tested
    y, p = raw[task], frame[f"{task}_prediction"].astype("float64")
    scores = found["test"][task]
    for name, expected in (
        ("rmse", sklearn.metrics.root_mean_squared_error(y, p)),
        ("mae", sklearn.metrics.mean_absolute_error(y, p)),
        ("r2", sklearn.metrics.r2_score(y, p)),
    ):
        # The labels that are scored are float32.
        assert scores[name] == pytest.approx(expected, rel=1e-5)
    if task == "score":  # after one epoch far from the labels, but of their size
        assert 700 < p.mean() < 1300


def test_truth_rmse_is_over_all_rows_whatever_the_space(found, tested):
    raw, frame = tested
    error = frame["buy_prediction"].astype("float64") - raw["chance"]
    expected = np.sqrt(np.mean(error**2))
    assert found["test"]["buy"]["truth_rmse"] == pytest.approx(expected, rel=FLOAT32)
    clicked = raw["click"] == 1
    assert abs(np.sqrt(np.mean(error[clicked] ** 2)) - expected) > 1e-4
    assert "truth_rmse" not in found["test"]["click"]


def test_run_of_all_kinds_leaves_tables_and_curves(ran):
    text = (ran / "report.html").read_text()
    for word in ("macro auc", "truth rmse", "rmse", "pcoc", "buy (click = 1)"):
        assert word in text
    history = pd.read_csv(ran / "history.csv")
    assert {f"loss.{task}" for task in TASKS} <= set(history)
    assert np.isfinite(history[[f"loss.{task}" for task in TASKS]]).all(axis=None)


@pytest.mark.slow
def test_run_of_all_kinds_draws_plots(tmp_path, file):
    chosen = config(values(file, FEATURES, TASKS, valid_fraction=0.1))
    run_in(tmp_path / "run", chosen, plots=True, eager=True)
    for plot in ("calibration", "learning_curves"):
        assert (tmp_path / "run" / "plots" / f"{plot}.png").stat().st_size > 1000


def test_saved_run_of_all_kinds_predicts_the_same_bits(ran, tested):
    raw, frame = tested
    tensorflow_runtime.start(
        seed=99, deterministic=True
    )  # nothing of the start may remain
    model = saved_model.load(ran)
    table = pyarrow.Table.from_pandas(raw, preserve_index=False)
    again = model.network.predictions(model.features.encode(table))
    for task in TASKS:
        p = again[task].numpy()
        expected = np.stack(frame[f"{task}_prediction"]).astype(p.dtype)
        expected = expected.reshape(len(p), -1)
        np.testing.assert_array_equal(p, expected, strict=True)


# What is learnt


@pytest.fixture(scope="module")
def learnt(tmp_path_factory):
    """Validation scores after some epochs on more rows."""
    folder = tmp_path_factory.mktemp("learnt")
    frame = planted(2500, seed=1)
    path = parquet(folder, pyarrow.Table.from_pandas(frame, preserve_index=False))
    tasks = {task: TASKS[task] for task in ("grade", "amount", "score")}
    # Not in the order of the planted sum.
    tasks["grade"] = TASKS["grade"] | {"classes": ["high", "low", "mid"]}
    chosen = config(
        values(path, FEATURES, tasks, valid_fraction=0.2),
        "trainer.epochs=12",
        "optimizer.learning_rate=0.03",
        "model.bottom_units=[32]",
        "model.tower_units=[16]",
        "model.activation=leaky_relu",
        "trainer.monitor=grade.log_loss",
    )
    return run_in(folder / "run", chosen)["valid"]


@pytest.mark.slow
def test_multiclass_task_learns_its_planted_classes(learnt):
    assert learnt["grade"]["accuracy"] > 0.97
    assert learnt["grade"]["macro_auc"] > 0.99
    assert learnt["grade"]["log_loss"] < 0.15


@pytest.mark.slow
def test_transformed_regressions_learn_their_planted_labels(learnt):
    # The labels' own noise is 5, and a tenth of each amount and 1.
    assert learnt["score"]["rmse"] < 8
    assert learnt["score"]["r2"] > 0.97
    assert learnt["amount"]["r2"] > 0.9


# Multiclass


def multiclass(width=4, rows=200, seed=0):
    """Random labels, logits and weights, some of them 0."""
    random = np.random.default_rng(seed)
    label = random.integers(0, width, rows).astype("float32")
    logits = random.normal(0, 3, (rows, width)).astype("float32")
    weight = random.exponential(size=rows) * (random.random(rows) < 0.7)
    return label, logits, weight.astype("float32")


def loss_of(task, label, logits, weight, statistics=None):
    """A task's loss, and its gradient by the logits."""
    x = tf.constant(logits if logits.ndim == 2 else logits[:, None])
    with tf.GradientTape() as tape:
        tape.watch(x)
        (loss,) = tf.unstack(
            task_losses(
                {"t": task}, {"t": x}, {"t": label}, {"t": weight}, {"t": statistics}
            )
        )
    return float(loss), tape.gradient(loss, x).numpy()


def of_width(width):
    classes = [f"c{i}" for i in range(width)]
    return Multiclass(label="t", classes=classes)


def softmax(logits):
    logits = logits.astype("float64")
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("width", [2, 4])
def test_multiclass_loss_is_the_softmax_cross_entropy(width):
    label, logits, weight = multiclass(width)
    label[weight == 0] = np.nan
    found, gradient = loss_of(of_width(width), label, logits, weight)
    p = softmax(logits)
    mine = np.flatnonzero(weight)
    hot = np.eye(width)[label[mine].astype(int)]
    w = weight[mine].astype("float64") / weight[mine].sum()
    expected = -(w * np.log(p[mine][hot == 1])).sum()
    assert found == pytest.approx(expected, rel=FLOAT32 * 10)
    wanted = np.zeros_like(p)
    wanted[mine] = w[:, None] * (p[mine] - hot)
    np.testing.assert_allclose(gradient, wanted, atol=FLOAT32)
    assert (gradient[weight == 0] == 0).all()


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("ties", [False, True])
def test_multiclass_metric_equals_scikit_learns(weighted, ties):
    label, logits, weight = multiclass(rows=1500)
    logits[np.arange(1500), label.astype(int)] += 2
    p = softmax(logits)
    if ties:
        p = np.round(p * 10 + 0.5) / np.round(p * 10 + 0.5).sum(axis=1, keepdims=True)
    weight = weight if weighted else np.ones(1500)
    mine = weight > 0
    found = score(of_width(4), label, p, weight)
    y, q, w = label[mine], p[mine], weight[mine].astype("float64")
    shares = np.bincount(y.astype(int), w, 4) / w.sum()
    best = np.eye(4)[q.argmax(axis=1)][np.arange(len(y)), y.astype(int)]
    assert found == {
        "macro_auc": pytest.approx(
            np.mean(
                [
                    sklearn.metrics.roc_auc_score(y == c, q[:, c], sample_weight=w)
                    for c in range(4)
                ]
            ),
            abs=ROUNDING,
        ),
        "accuracy": pytest.approx(np.average(best, weights=w), abs=ROUNDING),
        "log_loss": pytest.approx(
            sklearn.metrics.log_loss(y, q, sample_weight=w), rel=ROUNDING
        ),
        "ne": pytest.approx(
            sklearn.metrics.log_loss(y, q, sample_weight=w)
            / -(shares * np.log(shares)).sum(),
            rel=ROUNDING,
        ),
        "rows": mine.sum(),
    }
    if not weighted:
        auc = sklearn.metrics.roc_auc_score(y, q, multi_class="ovr", average="macro")
        assert found["macro_auc"] == pytest.approx(auc, abs=ROUNDING)


def test_macro_auc_is_over_the_classes_that_occur():
    label, logits, _ = multiclass()
    label[label == 2] = 0
    p = softmax(logits)
    found = score(of_width(4), label, p, np.ones(200))
    each = [sklearn.metrics.roc_auc_score(label == c, p[:, c]) for c in (0, 1, 3)]
    assert found["macro_auc"] == pytest.approx(np.mean(each), abs=ROUNDING)
    one = score(of_width(4), np.ones(200), p, np.ones(200))
    assert one["macro_auc"] is None
    assert one["why"] == {
        "macro_auc": "one class only: all 200 rows",
        "ne": "one class only: all 200 rows",
    }
    assert one["accuracy"] == np.mean(p.argmax(axis=1) == 1)
    assert score(of_width(4), label, p, np.zeros(200))["log_loss"] is None


def test_classes_are_found_in_the_order_that_is_declared(tmp_path):
    columns = {"user": [1, 2, 3, 4, 5], "n": [3, 1, None, 2, 1]}
    columns["w"] = ["b", "a", "b", None, "a"]
    path = parquet(tmp_path, columns)
    tasks = {
        "n": {"label": "n", "kind": "multiclass", "classes": [2, 1, 3]},
        "w": {"label": "w", "kind": "multiclass", "classes": ["b", "a"]},
    }
    train = loaded(path, {"user": {"kind": "sparse"}}, tasks).splits["train"]
    np.testing.assert_array_equal(train.labels["n"], [2, 1, np.nan, 0, 1])
    np.testing.assert_array_equal(train.labels["w"], [0, 1, 0, np.nan, 1])
    assert train.weights["n"].tolist() == [1, 1, 0, 1, 1]
    assert train.weights["w"].tolist() == [1, 1, 1, 0, 1]


# Focal loss


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0, 3.5])
def test_focal_loss_equals_its_formula(gamma):
    random = np.random.default_rng(0)
    label = (random.random(300) < 0.3).astype("float32")
    logit = random.normal(0, 3, 300).astype("float32")
    x = logit.astype("float64")
    own = 1 / (1 + np.exp(np.where(label == 1, -x, x)))  # p of the row's own class
    expected = (1 - own) ** gamma * -np.log(own)
    np.testing.assert_allclose(focal(label, logit, gamma), expected, rtol=1e-5)
    task = Binary(label="t", loss="focal", focal_gamma=gamma)
    found, gradient = loss_of(task, label, logit, np.ones(300, "float32"))
    assert found == pytest.approx(expected.mean(), rel=FLOAT32 * 10)
    sign = np.where(label == 1, 1, -1)
    # d/dx of (1 - p)^g (-log p), p = sigmoid(sign x)
    slope = sign * (1 - own) ** gamma * (gamma * own * np.log(own) - (1 - own))
    np.testing.assert_allclose(gradient[:, 0] * 300, slope, rtol=1e-4, atol=1e-6)


def test_focal_loss_of_gamma_0_is_the_cross_entropy_to_the_last_bit():
    label, _, weight = multiclass(2)
    logit = np.random.default_rng(1).normal(0, 30, 200).astype("float32")
    bce, of_bce = loss_of(Binary(label="t"), label, logit, weight)
    zero = Binary(label="t", loss="focal", focal_gamma=0.0)
    found, gradient = loss_of(zero, label, logit, weight)
    assert found == bce
    np.testing.assert_array_equal(gradient, of_bce)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("logit", [300.0, 120.0, -120.0, -300.0])
def test_focal_loss_of_a_certain_prediction_has_a_finite_gradient(gamma, logit):
    task = Binary(label="t", loss="focal", focal_gamma=gamma)
    one = np.ones(1, "float32")
    loss, gradient = loss_of(task, one, np.array([logit], "float32"), one)
    assert loss == pytest.approx(max(-logit, 0), rel=FLOAT32)
    assert float(gradient[0, 0]) == pytest.approx(-1.0 if logit < 0 else 0, abs=FLOAT32)


# Regression


@pytest.mark.parametrize("loss", ["mse", "mae", "huber"])
@pytest.mark.parametrize("unit", [1e-6, 1e6])
def test_regression_has_the_same_losses_in_any_unit_by_default(unit, loss):
    random = np.random.default_rng(0)
    labels, logits = random.normal(5, 2, 100), random.normal(0, 1, (100, 1))
    task = Regression(label="t", loss=loss)

    def losses(labels):
        summary = LabelSummary()
        summary.add(labels)
        statistics = task.label_statistics(summary)
        x = tf.constant(logits, tf.float32)
        return task.row_losses(tf.constant(labels), x, statistics).numpy()

    np.testing.assert_allclose(losses(labels * unit), losses(labels), rtol=1e-3)


@pytest.mark.parametrize("loss", ["mse", "mae", "huber"])
@pytest.mark.parametrize("transform", ["none", "log1p", "standard"])
def test_regression_loss_is_on_the_transformed_scale(transform, loss):
    random = np.random.default_rng(0)
    label = random.exponential(20, 200).astype("float32")
    weight = (random.random(200) < 0.6).astype("float32")
    label[:5], weight[:5] = np.nan, 0
    output = random.normal(1, 1, 200).astype("float32")
    about = {"mean": 18.0, "deviation": 7.0}
    task = Regression(label="t", loss=loss, transform=transform)
    found, gradient = loss_of(task, label, output, weight, about)
    y = label.astype("float64")
    y = {"none": y, "log1p": np.log1p(y), "standard": (y - 18) / 7}[transform]
    error = np.abs(y - output)[weight > 0]
    each = {
        "mse": error**2,
        "mae": error,
        "huber": np.where(error <= 1, error**2 / 2, error - 0.5),
    }
    assert found == pytest.approx(each[loss].mean(), rel=FLOAT32 * 10)
    assert np.isfinite(gradient).all()


def test_standardised_label_has_mean_and_deviation_of_the_training_rows(tmp_path):
    random = np.random.default_rng(0)
    score = random.normal(1000, 50, 400)
    column = pd.Series(score).mask(random.random(400) < 0.5)
    frame = pd.DataFrame({"user": range(400), "score": column, "seen": 1})
    frame.loc[::3, "seen"] = 0
    path = parquet(tmp_path, pyarrow.Table.from_pandas(frame, preserve_index=False))
    tasks = {"score": TASKS["score"] | {"space": "seen"}}
    features = {"user": {"kind": "hashed", "num_buckets": 9}}
    data = loaded(path, features, tasks, valid_fraction=0.25)
    mine = frame.iloc[data.row_numbers["train"]]
    y = mine["score"][(mine["seen"] == 1) & mine["score"].notna()]
    about = data.label_statistics["score"]
    assert about["mean"] == pytest.approx(y.mean(), rel=FLOAT32)
    assert about["deviation"] == pytest.approx(y.std(ddof=0), rel=FLOAT32)


def test_predictions_are_in_the_labels_own_unit(file):
    chosen = config(values(file, FEATURES, TASKS))
    data = load(chosen.dataset, chosen.outputs)
    network = build(chosen, data.features.layout, data.label_statistics)
    features = data.splits["train"].read(0, 50).features
    logits, found = network.logits(features), network.predictions(features)
    about = data.label_statistics["score"]
    assert set(data.label_statistics) == {"score", "money", "seconds"}
    of_money = data.label_statistics["money"]
    bought, mu, sigma = parameters(logits["money"])
    log_mean = of_money["mean"] + of_money["deviation"] * mu
    log_mean += (of_money["deviation"] * sigma) ** 2 / 2
    above = np.cumprod(1 / (1 + np.exp(-logits["stars"])), axis=1)  # P(y > k)
    for task, expected in {
        "amount": np.expm1(logits["amount"]),
        "score": logits["score"] * about["deviation"] + about["mean"],
        "click": 1 / (1 + np.exp(-logits["click"])),
        "grade": softmax(logits["grade"].numpy()),
        "stars": -np.diff(above, axis=1, prepend=1, append=0),
        "money": (np.exp(log_mean) / (1 + np.exp(-bought)))[:, None],
        "seconds": np.exp(logits["seconds"]) * data.label_statistics["seconds"]["mean"],
    }.items():
        np.testing.assert_allclose(found[task], expected, rtol=FLOAT32 * 10)


# Batches without a row of a task


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize(
    "task",
    slow_except(["grade", "rare"], [t for t in TASKS if t not in ("click", "buy")]),
)
def test_batch_without_a_row_of_a_task_leaves_its_tower_alone(file, task):
    tasks = {"click": TASKS["click"], task: TASKS[task]}
    units = {"click": [3], task: [4]}
    tasks = {name: t | {"tower_units": units[name]} for name, t in tasks.items()}
    chosen = config(values(file, FEATURES, tasks), "optimizer=sgd")
    data = load(chosen.dataset, chosen.outputs)
    tensorflow_runtime.start(chosen.seed, deterministic=True)
    network = build(chosen, data.features.layout, data.label_statistics)
    table = data.splits["train"].read(0, 128)
    table = table.take(slice(None))
    for name in (task,):
        table.weights[name] = np.where(np.arange(128) < 64, 0, 1).astype("float32")
        missing = np.isnan(table.labels[name])
        table.weights[name][missing] = 0
        table.labels[name] = table.labels[name].copy()
        table.labels[name][:64] = np.nan

    def tower(name):
        place = list(tasks).index(name)
        return [
            w.numpy() for w in network.logits.weights if f"towers_{place}" in w.path
        ]

    buffer = MemoryFeed(table, list(tasks))
    steps = Steps(chosen, network, 128)
    before = {name: tower(name) for name in tasks}
    ((losses, _, _),) = next(steps.epoch([buffer.buffer(np.arange(64), 64)]))
    assert losses[1] == 0
    assert losses[0] > 0
    after = {name: tower(name) for name in tasks}
    assert len(after[task]) == len(after["click"]) == 4
    for old, new in zip(before[task], after[task], strict=True):
        np.testing.assert_array_equal(old, new)
    assert any(
        (old != new).any()
        for old, new in zip(before["click"], after["click"], strict=True)
    )
    ((losses, _, _),) = next(steps.epoch([buffer.buffer(np.arange(64, 128), 64)]))
    assert losses[1] > 0
    assert any(
        (old != new).any() for old, new in zip(after[task], tower(task), strict=True)
    )
