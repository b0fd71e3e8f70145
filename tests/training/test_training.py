"""Training: losses, steps, epochs, early stopping, and what a run can do again."""

import math
import re
import time
from types import SimpleNamespace

import keras
import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf
from helpers.composition import composed
from helpers.planted_data import fitted_features, planted
from helpers.slow import slow_except
from omegaconf import OmegaConf

from mtl_cli.config.run_config import Config
from mtl_cli.core import tensorflow_runtime
from mtl_cli.core.errors import ConfigError, TrainingError
from mtl_cli.data.table import Table
from mtl_cli.distributed.replicas import Replicas
from mtl_cli.heads.independent import Independent
from mtl_cli.network import network as network_module
from mtl_cli.network.build import build
from mtl_cli.optimizers._schedule import Schedule
from mtl_cli.scoring.scores import score_outputs
from mtl_cli.tasks.binary import Binary
from mtl_cli.tasks.regression import Regression
from mtl_cli.training import steps as steps_module
from mtl_cli.training import train as train_module
from mtl_cli.training.feed import MemoryFeed, TensorTable
from mtl_cli.training.losses import (
    BatchShare,
    mean_losses,
    penalties_of_heads,
    penalties_of_layers,
    task_losses,
)
from mtl_cli.training.moving_average import MovingAverage
from mtl_cli.training.progress import Progress
from mtl_cli.training.state import TrainingState
from mtl_cli.training.steps import STEPS_PER_CALL, Steps, is_worth_compiling, reseed
from mtl_cli.training.train import train, train_epoch

FLOAT32 = 1e-6  # relative rounding of a few float32 operations
ROUNDING = 1e-5  # of an epoch of float32 steps, summed in another order

DATASET = {
    "name": "planted",
    "train": "never read",
    "valid": None,
    "test": None,
    "valid_fraction": 0.2,
    "split_seed": 0,
    "features": {
        "user": {"kind": "sparse"},
        "item": {"kind": "sparse"},
        "hour": {"kind": "bucketized", "num_buckets": 4},
        "price": {"kind": "dense", "transform": "standard"},
        "age": {"kind": "dense", "transform": "standard"},
    },
    "tasks": {
        "click": {"label": "click", "kind": "binary"},
        "buy": {"label": "buy", "kind": "binary", "weight": 3.0},
        "amount": {
            "label": "amount",
            "kind": "regression",
            "loss": "huber",
            "transform": "none",
        },
    },
}
SMALL = {
    "shared_bottom": "model.bottom_units=[8]",
    "single_task": "model.bottom_units=[8]",
    "esmm": "model.heads=esmm",
    "mmoe": "model.num_experts=3",
    "ple": "model.num_specific_experts=2",
}


EAGER = pytest.mark.usefixtures("eager")


def config(*overrides, model="shared_bottom", dataset=DATASET):
    """A small model's configuration on a planted data set."""
    small = ["encoder.embedding_dim=4", "model.tower_units=[4]", SMALL[model]]
    small += ["model.expert_units=[6]"] if model in ("mmoe", "ple") else []
    small += ["trainer.batch_size=64", "trainer.patience=null", "trainer.compile=false"]
    small += ["trainer.ema_decay=0"]
    keys = composed(f"model={model}", *small, *overrides)
    values = OmegaConf.to_container(keys, resolve=True)
    return Config.model_validate(values | {"dataset": dataset})


def tasks_of(**losses):
    """Tasks that differ in their loss only."""
    return {
        name: Binary(label=name)
        if loss == "bce"
        else Regression(label=name, loss=loss, transform="none")
        for name, loss in losses.items()
    }


def encode(rows, feature_set, tasks):
    """All rows as a table in which every row counts."""
    labels = {n: np.array(t.read_labels(n, rows[t.label])) for n, t in tasks.items()}
    weights = {task: np.ones(len(y), "float32") for task, y in labels.items()}
    return Table(feature_set.encode(rows), labels, weights)


def encoded(chosen, rows=300, seed=0):
    """The planted rows as tables, and the features fitted on them."""
    feature_set = fitted_features(chosen.dataset.features, planted())
    return encode(planted(rows, seed), feature_set, chosen.chosen_tasks), feature_set


def built(chosen):
    """A network with the weights that the run's seed gives it."""
    tensorflow_runtime.start(chosen.seed, deterministic=True)
    feature_set = fitted_features(chosen.dataset.features, planted())
    return build(chosen, feature_set.layout)


def trained(chosen, table=None, valid=None, progress=None, **more):
    """A network after a whole training, and the history of it."""
    network = built(chosen)
    table = encoded(chosen)[0] if table is None else table
    history = train(chosen, network, table, valid, progress or Progress(), **more)
    return network, history


def epoch_of(chosen, network, table, order):
    """The losses of one epoch over rows in memory, in the given order, by call."""
    steps = Steps(chosen, network, table.num_rows)
    feed = MemoryFeed(table, list(chosen.chosen_tasks))
    buffer = feed.buffer(order, steps.batch_size)
    return [step_values[:, 0] for step_values in steps.epoch([buffer])]


def assert_same_bits(weights, others):
    assert len(weights) == len(others)
    for a, b in zip(weights, others, strict=True):
        np.testing.assert_array_equal(a, b, strict=True)


def assert_close(weights, others, atol=ROUNDING):
    assert len(weights) == len(others)
    for a, b in zip(weights, others, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=atol)


# Losses


def softplus(x):
    return np.logaddexp(0, x)


LOSSES = {
    "bce": lambda y, z: y * softplus(-z) + (1 - y) * softplus(z),
    "mse": lambda y, z: (y - z) ** 2,
    "mae": lambda y, z: np.abs(y - z),
    "huber": lambda y, z: np.where(
        np.abs(y - z) < 1, (y - z) ** 2 / 2, np.abs(y - z) - 0.5
    ),
}


def some_rows(rows=200, seed=0):
    """Random labels in [0, 1], logits and weights, some of them 0; float32."""
    random = np.random.default_rng(seed)
    label = (random.random(rows) < 0.4).astype("float32")
    logit = random.normal(0, 3, rows).astype("float32")
    weight = random.exponential(size=rows) * (random.random(rows) < 0.7)
    return label, logit, weight.astype("float32")


@pytest.mark.parametrize("name", LOSSES)
def test_task_loss_is_the_weighted_mean_over_its_rows(name):
    label, logit, weight = some_rows()
    found = task_losses(
        tasks_of(other="mse", mine=name),
        {"mine": tf.constant(logit[:, None]), "other": tf.ones((200, 1))},
        {"mine": tf.constant(label), "other": tf.zeros(200)},
        {"mine": tf.constant(weight), "other": tf.ones(200)},
    )
    each = LOSSES[name](label.astype("float64"), logit.astype("float64"))
    expected = (weight * each).sum() / weight.sum()
    assert found.shape == (2,)
    assert found[0] == 1
    assert float(found[1]) == pytest.approx(expected, rel=FLOAT32)


@pytest.mark.parametrize(
    ("wrong", "shape"),
    [
        (lambda labels, logits: labels - logits, "(3, 3)"),  # (3,) - (3, 1)
        (lambda labels, logits: logits, "(3, 1)"),
        (lambda labels, logits: tf.reduce_mean(logits), "()"),
        (lambda labels, logits: 0.0, "()"),
    ],
)
def test_losses_that_are_not_one_per_row_are_refused(monkeypatch, wrong, shape):
    monkeypatch.setattr(Binary, "row_losses", lambda _, y, x, statistics: wrong(y, x))
    message = (
        f"dataset.tasks.t: `row_losses` of kind binary returns {shape}, not (3,); "
        "return one loss per row; a single logit is `logits[:, 0]`"
    )
    tasks, ones = {"t": Binary(label="t")}, {"t": tf.ones(3)}
    with pytest.raises(ConfigError, match=re.escape(message)):
        task_losses(tasks, {"t": tf.ones((3, 1))}, ones, ones)


def test_penalty_of_heads_that_is_not_one_per_row_is_refused(monkeypatch):
    monkeypatch.setattr(Independent, "row_penalty", lambda *_: tf.ones((3, 3)))
    ones = {"t": tf.ones(3)}
    rows = TensorTable(features={}, labels=ones, weights=ones, log_rates={})
    batch = BatchShare(rows, tf.ones(3), tf.constant(3.0), [tf.constant(3.0)])
    tasks, logits = {"t": Binary(label="t")}, {"t": tf.ones((3, 1))}
    with pytest.raises(
        ConfigError, match=r"`row_penalty` returns \(3, 3\), not \(3,\)"
    ):
        penalties_of_heads(Independent(), tasks, logits, batch)


@pytest.mark.parametrize(
    ("penalty", "shape"),
    [
        (tf.transpose, "(2, 3)"),  # one per task and row
        (lambda x: x, "(3, 2)"),
        (lambda x: tf.zeros(1), "(1,)"),
        (lambda x: tf.zeros(4), "(4,)"),  # one per expert
    ],
)
def test_penalty_of_a_layer_that_is_not_one_per_row_is_refused(penalty, shape):
    class Router(keras.layers.Layer):
        def call(self, x):
            self.add_loss(penalty(x))
            return x

    inputs = keras.Input((2,))
    model = keras.Model(inputs, keras.Sequential([Router()], name="router")(inputs))
    logit = model(tf.ones((3, 2)))
    message = (
        "`add_loss` of a layer takes a scalar or one value per row, (3,), not "
        f"{shape}; sum or average over all other axes"
    )
    with pytest.raises(ConfigError, match=re.escape(message)):
        penalties_of_layers(model, logit, tf.ones(3))


def test_weight_of_positives_leaves_negatives_as_they_are():
    task = Binary(label="t", positive_weight=3.0)
    losses = task.row_losses(tf.constant([1.0, 0.0]), tf.zeros((2, 1)), {})
    # A logit of 0 costs log 2 nats.
    assert losses.numpy() == pytest.approx([3 * math.log(2), math.log(2)], rel=FLOAT32)


def test_cross_entropy_of_a_large_wrong_logit_is_exact():
    found = task_losses(
        tasks_of(t="bce"),
        {"t": tf.constant([[-90.0], [300.0]])},
        {"t": tf.constant([1.0, 0.0])},
        {"t": tf.ones(2)},
    )
    assert float(found[0]) == pytest.approx((90 + 300) / 2, rel=FLOAT32)


def loss_and_gradient(name, label, logit, weight):
    """A task's loss, and its gradient by each row's logit."""
    x = tf.constant(logit[:, None])
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = task_losses(tasks_of(t=name), {"t": x}, {"t": label}, {"t": weight}, {})[
            0
        ]
    return loss.numpy(), tape.gradient(loss, x).numpy()[:, 0]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("name", LOSSES)
def test_label_of_a_row_that_does_not_count_changes_nothing(name, bad):
    label, logit, weight = some_rows()
    expected_loss, expected = loss_and_gradient(name, label, logit, weight)
    label[weight == 0] = bad
    loss, gradient = loss_and_gradient(name, label, logit, weight)
    assert loss == expected_loss
    np.testing.assert_array_equal(gradient, expected)
    assert (gradient[weight == 0] == 0).all()
    assert (gradient[weight > 0] != 0).all()


@pytest.mark.parametrize("name", LOSSES)
def test_task_without_a_row_has_loss_0_and_gradient_0(name):
    label, logit, _ = some_rows()
    loss, gradient = loss_and_gradient(name, label, logit, np.zeros(200, "float32"))
    assert loss == 0
    assert (gradient == 0).all()


@EAGER
def test_task_without_a_row_in_the_data_leaves_its_tower_alone():
    chosen = config("optimizer=sgd", model="mmoe")
    table, _ = encoded(chosen)
    weights = table.weights | {"buy": np.zeros(table.num_rows, "float32")}
    network = built(chosen)
    with_kernels = [w for w in network.logits.trainable_variables if "tower" in w.path]
    before = [w.numpy() for w in with_kernels]
    table = Table(table.features, table.labels, weights)
    (losses,) = epoch_of(chosen, network, table, np.arange(table.num_rows))
    assert (losses[:, 1] == 0).all()
    assert (losses[:, [0, 2]] > 0).all()
    assert len(before) == 4  # kernels and biases of two layers, all tasks in each
    for old, new in zip(before, with_kernels, strict=True):
        assert old.shape[0] == 3
        np.testing.assert_array_equal(old[1], new.numpy()[1])
        assert (old[0] != new.numpy()[0]).any()
        assert (old[2] != new.numpy()[2]).any()


# Steps


def plain_loop(chosen, network, table, order):
    """An epoch as a book has it: one short batch at the end, losses written out."""
    variables = network.logits.trainable_variables
    size = chosen.trainer.batch_size
    optimizer = chosen.optimizer.build(-(-table.num_rows // size))
    losses = []
    for start in range(0, len(order), size):
        batch = table.take(order[start : start + size])
        y = {t: x[:, None] for t, x in batch.labels.items()}
        with tf.GradientTape() as tape:
            logits = network.logits(batch.features, training=True)
            each = [
                keras.losses.BinaryCrossentropy(from_logits=True)(
                    y["click"], logits["click"]
                ),
                keras.losses.BinaryCrossentropy(from_logits=True)(
                    y["buy"], logits["buy"]
                ),
                keras.losses.Huber()(y["amount"], logits["amount"]),
            ]
            total = each[0] + 3 * each[1] + each[2]
            for v in variables:
                if v.name == "kernel":
                    total += chosen.model.l2 * tf.reduce_sum(tf.square(v))
                if v.name == "table":
                    total += chosen.encoder.l2_embedding * tf.reduce_sum(tf.square(v))
            # Penalties of rows, (rows,); those of kernels and tables are scalars.
            total += sum(
                tf.reduce_mean(x) for x in network.logits.losses if len(x.shape)
            )
        optimizer.apply(tape.gradient(total, variables), variables)
        losses.append([float(loss) for loss in each])
    return losses


CLIPPED_SGD = "optimizer=sgd optimizer.learning_rate=1 optimizer.clip_norm=0.1"


@pytest.mark.parametrize(
    ("rows", "size", "options", "eager"),
    [
        pytest.param(300, 64, "optimizer=adam", False, marks=pytest.mark.slow),
        pytest.param(300, 64, "optimizer=adamw", False, marks=pytest.mark.slow),
        (300, 64, CLIPPED_SGD, True),
        pytest.param(
            300, 64, "optimizer=adagrad model.l2=0.1", True, marks=pytest.mark.slow
        ),
        pytest.param(256, 64, "optimizer=adam", False, marks=pytest.mark.slow),
        pytest.param(40, 64, "optimizer=adam", True, marks=pytest.mark.slow),
    ],
    indirect=["eager"],
    ids=["adam", "adamw", "sgd", "adagrad", "even", "less_than_a_batch"],
)
def test_epoch_equals_a_plain_loop_with_a_short_last_batch(
    monkeypatch, rows, size, options, eager
):
    monkeypatch.setattr(steps_module, "STEPS_PER_CALL", 2)  # three calls of 300 rows
    chosen = config(
        *options.split(), f"trainer.batch_size={size}", "encoder.l2_embedding=0.01"
    )
    table, _ = encoded(chosen, rows)
    order = np.random.default_rng(3).permutation(rows)
    mine, plain = built(chosen), built(chosen)
    assert_same_bits(mine.logits.get_weights(), plain.logits.get_weights())
    before = mine.logits.get_weights()
    found = np.concatenate(epoch_of(chosen, mine, table, order))
    expected = plain_loop(chosen, plain, table, order)
    assert found.shape == (math.ceil(rows / size), 3)
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    assert_close(mine.logits.get_weights(), plain.logits.get_weights())
    moved = [
        abs(a - b).max()
        for a, b in zip(before, plain.logits.get_weights(), strict=True)
    ]
    assert min(moved) > 10 * ROUNDING


@pytest.mark.slow
@EAGER
def test_rows_that_fill_up_the_last_batch_have_no_penalty():
    settings = ("optimizer=sgd", "model.gate=dselect_k", "encoder.l2_embedding=0")
    chosen = config(*settings, model="mmoe")
    table, _ = encoded(chosen, 70)  # batches of 64 and of 6 rows
    order = np.arange(70)
    mine, plain = built(chosen), built(chosen)
    found = np.concatenate(epoch_of(chosen, mine, table, order))
    np.testing.assert_allclose(found, plain_loop(chosen, plain, table, order), 1e-4)
    assert_close(mine.logits.get_weights(), plain.logits.get_weights())


@EAGER
@pytest.mark.parametrize("lazy", slow_except(["false"], ["false", "true"]))
def test_clipped_step_is_as_long_as_clip_norm(lazy):
    # Plain descent with rate 1 moves the weights by the clipped gradient.
    options = ["optimizer=sgd", "optimizer.momentum=0", "optimizer.learning_rate=1"]
    options += ["optimizer.clip_norm=0.01", f"optimizer.lazy={lazy}"]
    chosen = config(*options, "trainer.batch_size=300")
    table, network = encoded(chosen)[0], built(chosen)
    before = network.logits.get_weights()
    steps = Steps(chosen, network, table.num_rows)
    feed = MemoryFeed(table, list(chosen.chosen_tasks))
    list(steps.epoch([feed.buffer(np.arange(300), 300)]))
    steps.copy_tables_to_network()
    after = network.logits.get_weights()
    squares = [np.square(a - b).sum() for a, b in zip(after, before, strict=True)]
    # A weight of 1 holds a change to within 6e-8.
    assert math.sqrt(sum(squares)) == pytest.approx(0.01, rel=1e-4)


@pytest.mark.parametrize(
    ("has_run", "was_cleared", "num_calls"),
    [(False, True, 2), (False, False, 1), (True, True, 1)],
)
def test_failed_call_is_repeated_only_before_its_first_step(
    has_run, was_cleared, num_calls, monkeypatch
):
    chosen = config()
    steps = Steps(chosen, built(chosen), 300)
    calls = []

    def fail():
        calls.append(None)
        steps.optimizer.iterations.assign_add(int(has_run))
        raise tf.errors.InternalError(None, None, "damaged code")

    monkeypatch.setattr(steps, "run", fail)
    monkeypatch.setattr(steps, "_create_functions", lambda: None)
    monkeypatch.setattr(steps_module.compile_cache, "clear", lambda: was_cleared)
    with pytest.raises(tf.errors.InternalError, match="damaged code"):
        steps._run_or_recompile()
    assert len(calls) == num_calls


@pytest.mark.parametrize(
    ("rows", "size", "batch", "share", "num_steps"),
    [
        (300, 1, 64, 64, 5),
        (300, 2, 64, 32, 5),
        (40, 1, 40, 40, 1),
        (5, 2, 6, 3, 1),  # rounded up, so that both processes have as many rows
    ],
)
def test_batch_is_no_larger_than_the_rows_and_shared_evenly(
    rows, size, batch, share, num_steps
):
    chosen = config()
    steps = Steps(chosen, built(chosen), rows, Replicas(size=size))
    found = steps.batch_size, steps.rows_per_process, steps.steps_per_epoch
    assert found == (batch, share, num_steps)


# Compiled steps are held against those that are not below.
@pytest.mark.slow
@pytest.mark.parametrize(
    "compiled", ["false", pytest.param("true", marks=pytest.mark.slow)]
)
def test_epoch_equals_keras_fit_on_the_same_batches(compiled):
    chosen = config(f"trainer.compile={compiled}", model="ple")
    table, _ = encoded(chosen, 256)
    order = np.random.default_rng(3).permutation(256)
    mine, theirs = built(chosen), built(chosen)
    assert_same_bits(mine.logits.get_weights(), theirs.logits.get_weights())
    found = np.concatenate(epoch_of(chosen, mine, table, order))

    bce = keras.losses.BinaryCrossentropy(from_logits=True)
    losses = {"click": bce, "buy": bce, "amount": keras.losses.Huber()}
    theirs.logits.compile(
        chosen.optimizer.build(4),
        loss=losses,
        loss_weights={name: task.weight for name, task in chosen.chosen_tasks.items()},
    )
    rows = table.take(order)
    history = theirs.logits.fit(
        rows.features, rows.labels, batch_size=64, shuffle=False, verbose=0
    ).history
    # The mean of four batches of equal size.
    for i, name in enumerate(losses):
        expected = history[f"{name}_loss"][0]
        assert found[:, i].mean() == pytest.approx(expected, rel=FLOAT32)
    assert_close(mine.logits.get_weights(), theirs.logits.get_weights())


@pytest.mark.slow
def test_compiled_and_uncompiled_steps_agree():
    both = [config(f"trainer.compile={x}", model="ple") for x in ("true", "false")]
    table, _ = encoded(both[0])
    order = np.random.default_rng(3).permutation(table.num_rows)
    networks = [built(chosen) for chosen in both]
    losses = [
        np.concatenate(epoch_of(chosen, network, table, order))
        for network, chosen in zip(networks, both, strict=True)
    ]
    np.testing.assert_allclose(*losses, rtol=1e-4)
    assert_close(*(network.logits.get_weights() for network in networks))


SLOW_COMPILED = pytest.param("true", "mmoe", marks=pytest.mark.slow)
SLOW_PLE = pytest.param("false", "ple", marks=pytest.mark.slow)


@pytest.mark.parametrize(
    ("compiled", "model"), [SLOW_COMPILED, SLOW_PLE, ("false", "mmoe")]
)
def test_same_seed_gives_the_same_bits(compiled, model):
    # PLE's shared experts are read three times: where operations run at once, the
    # order in which their gradients are summed depends on timing.
    options = [f"trainer.compile={compiled}", "model.dropout=0.3", "trainer.epochs=3"]
    first, again = (trained(config(*options, model=model))[0] for _ in range(2))
    assert_same_bits(first.logits.get_weights(), again.logits.get_weights())


@pytest.mark.slow
@EAGER
def test_another_seed_gives_another_start_and_another_end():
    chosen = [config("trainer.epochs=1", f"seed={seed}") for seed in (1, 2)]
    starts = [built(c).logits.get_weights() for c in chosen]
    ends = [trained(c)[0].logits.get_weights() for c in chosen]
    assert any((a != b).any() for a, b in zip(*starts, strict=True))
    assert all((a != b).any() for a, b in zip(*ends, strict=True))


@EAGER
def test_orders_of_rows_depend_on_seed_and_epoch_alone():
    def order_of(seed, epoch):
        seen = []

        def record(buffers, number, done):
            seen.extend(buffer.order for buffer in buffers)
            yield np.zeros((1, 3, 3))

        fake = SimpleNamespace(
            batch_size=50,
            steps_per_epoch=1,
            num_rows=50,
            epoch=record,
            replicas=Replicas(),
            compile_seconds=0,
            balancer=SimpleNamespace(changes_weights=False),
        )
        state = TrainingState(network, fake)
        state.history.epochs = [None] * (epoch - 1)
        chosen = config(f"seed={seed}")
        feed = MemoryFeed(encoded(chosen, 50)[0], list(chosen.chosen_tasks))
        train_epoch(chosen, state, feed, Progress())
        assert sorted(seen[0]) == list(range(50))
        return seen[0].tolist()

    network = built(config())
    orders = [order_of(seed, epoch) for seed in (1, 2) for epoch in (1, 2)]
    assert len({tuple(order) for order in orders}) == 4
    assert [order_of(seed, epoch) for seed in (1, 2) for epoch in (1, 2)] == orders


def test_auto_compiles_runs_long_enough_to_pay_it_back():
    options = ["trainer.compile=auto", "trainer.epochs=10"]
    assert is_worth_compiling(config(*options), 1_000_000)
    assert not is_worth_compiling(config(*options), 100)
    assert is_worth_compiling(config("trainer.compile=true"), 1)
    assert not is_worth_compiling(config("trainer.compile=false"), 10**9)


@pytest.mark.parametrize("compiled", [True, False])
def test_steps_are_compiled_as_the_key_says(compiled, monkeypatch):
    asked = []
    plain = tf.function

    def record(*functions, jit_compile=False, **more):
        asked.append(jit_compile)
        return plain(*functions, **more)

    monkeypatch.setattr(steps_module.tf, "function", record)
    chosen = config(f"trainer.compile={str(compiled).lower()}")
    Steps(chosen, built(chosen), 300)
    assert asked == [compiled]


# What tasks learn


CONSTANTS = {
    "ones": {"label": "ones", "kind": "binary", "tower_units": [3]},
    "zeros": {"label": "zeros", "kind": "binary", "tower_units": [5]},
    "threes": {
        "label": "threes",
        "kind": "regression",
        "transform": "none",
        "tower_units": [3],
    },
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "order"),
    [
        ("shared_bottom", "ones,zeros,threes"),
        ("single_task", "threes,ones,zeros"),
        ("mmoe", "zeros,threes,ones"),
        ("ple", "ones,zeros,threes"),
        ("ple", "threes,zeros,ones"),
    ],
)
def test_each_task_learns_its_own_labels_in_any_order_of_tasks(model, order):
    # Keras has routed losses of named outputs to one another: keras #20346, #21675,
    # #22625. Towers of equal widths are batched: the first and the last here.
    chosen = config(
        f"tasks=[{order}]",
        "trainer.epochs=60",
        "optimizer.learning_rate=0.03",
        "model.activation=leaky_relu",  # a dead unit would hide what is learnt
        model=model,
        dataset=DATASET | {"tasks": CONSTANTS},
    )
    values = {"ones": 1.0, "zeros": 0.0, "threes": 3.0}
    feature_set = fitted_features(chosen.dataset.features, planted())
    rows = planted(128)
    for name, value in values.items():
        rows = rows.append_column(name, pa.array(np.full(128, value)))
    table = encode(rows, feature_set, chosen.chosen_tasks)
    network, history = trained(chosen, table)
    predictions = network.predict(table)
    assert list(history.epochs[-1].losses) == order.split(",")
    assert {name: round(float(p.mean()), 1) for name, p in predictions.items()} == (
        pytest.approx(values, abs=0.11)
    )
    assert max(history.epochs[-1].losses.values()) < 0.1


@pytest.mark.slow
def test_planted_problem_is_learnt():
    chosen = config(
        "trainer.epochs=25", "trainer.batch_size=128", "optimizer.learning_rate=0.02"
    )
    table, _ = encoded(chosen, 3000, seed=1)
    valid, _ = encoded(chosen, 1000, seed=2)
    _, history = trained(chosen, table, valid)
    first, last = history.epochs[0], history.epochs[-1]
    assert last.valid["click"]["auc"] > 0.97
    assert last.valid["buy"]["auc"] > 0.97
    assert last.valid["amount"]["r2"] > 0.97
    assert all(last.losses[t] < first.losses[t] for t in chosen.chosen_tasks)


def test_predictions_in_parts_equal_those_of_one_call(monkeypatch):
    chosen = config(model="mmoe")
    table, network = encoded(chosen)[0], built(chosen)
    whole = network.predictions(table.features)
    monkeypatch.setattr(network_module, "ROWS_PER_CALL", 64)
    parts = network.predict(table)
    assert list(parts) == ["click", "buy", "amount"]
    for name, prediction in parts.items():
        assert prediction.shape == (300,)
        np.testing.assert_allclose(prediction, whole[name][:, 0], rtol=1e-5, atol=1e-6)


# What goes wrong


@EAGER
def test_loss_that_is_no_number_names_task_and_step():
    # The first step's loss is finite, the weights after it are not.
    chosen = config("optimizer=sgd", "optimizer.learning_rate=1e30")
    with pytest.raises(TrainingError) as caught:
        trained(chosen)
    message = str(caught.value)
    assert re.match(
        r"loss of task (click|buy|amount) became (nan|inf) in epoch 1, step 2; ",
        message,
    )
    assert "optimizer.learning_rate" in message


@pytest.mark.slow
@pytest.mark.parametrize("step", [3, STEPS_PER_CALL + 2], ids=["first_call", "second"])
def test_row_that_is_no_number_is_found_at_its_step(step):
    # The label of one task only.
    chosen = config("trainer.batch_size=4")
    table, _ = encoded(chosen, 4 * STEPS_PER_CALL + 40)
    order = np.random.default_rng([chosen.seed, 1]).permutation(table.num_rows)
    table.labels["amount"][order[(step - 1) * 4 + 1]] = np.nan
    with pytest.raises(TrainingError) as caught:
        trained(chosen, table)
    expected = f"loss of task amount became nan in epoch 1, step {step};"
    assert str(caught.value).startswith(expected)


@EAGER
@pytest.mark.parametrize("with_valid", [True, False], ids=["valid", "no_valid"])
def test_weights_that_the_last_step_makes_no_numbers_are_an_error(with_valid):
    # Each loss is that before its step, so no loss tells of the last one.
    heavy = DATASET["tasks"]["click"] | {"weight": 1e20}
    chosen = config(
        "optimizer=sgd",
        "optimizer.learning_rate=1e30",
        "trainer.epochs=1",
        "trainer.batch_size=300",
        dataset=DATASET | {"tasks": {"click": heavy}},
    )
    table, _ = encoded(chosen)
    with pytest.raises(TrainingError):
        trained(chosen, table, table if with_valid else None)


@EAGER
def test_undefined_monitor_is_an_error_that_says_why():
    chosen = config("trainer.patience=2", "trainer.monitor=buy")
    table, _ = encoded(chosen)
    valid = table.take(np.flatnonzero(table.labels["buy"] == 0))
    # The metrics of "click" are undefined too, but they are not monitored.
    labels = valid.labels | {"click": np.ones_like(valid.labels["click"])}
    valid = Table(valid.features, labels, valid.weights)
    with pytest.raises(TrainingError) as caught:
        trained(chosen, table, valid)
    assert "trainer.monitor: buy is undefined" in str(caught.value)
    assert "buy: one class only: 0 of" in str(caught.value)
    assert "click" not in str(caught.value)


@EAGER
def test_early_stopping_does_not_watch_the_tasks_that_the_monitor_leaves_out():
    chosen = config("trainer.patience=2", "trainer.monitor=mean", "trainer.epochs=2")
    table, _ = encoded(chosen)
    valid = table.take(np.flatnonzero(table.labels["buy"] == 0))
    _, history = trained(chosen, table, valid, unmonitored=["buy"])
    for epoch in history.epochs:
        assert epoch.valid["buy"]["auc"] is None
        click, amount = epoch.valid["click"]["auc"], epoch.valid["amount"]["r2"]
        assert epoch.monitored == pytest.approx((click + amount) / 2)
    assert history.epochs[0].best


# Early stopping


def recorder(network_of):
    """Progress that keeps the weights after each epoch."""
    weights = []
    return weights, Progress(
        epoch=lambda _: weights.append(network_of().logits.get_weights())
    )


def run_with_scores(monkeypatch, scores, *options):
    """Trains while the monitored metric takes the given values."""
    chosen = config(*options, "trainer.batch_size=300")  # an epoch is one step
    table, _ = encoded(chosen)
    coming = iter(scores)
    monkeypatch.setattr(train_module, "monitored_value", lambda *_: next(coming))
    network = built(chosen)
    weights, progress = recorder(lambda: network)
    history = train(chosen, network, table, table, progress)
    return history, weights, network


@EAGER
def test_early_stopping_brings_the_best_epochs_weights_back(monkeypatch):
    scores = [0.1, 0.5, 0.4, 0.5, 0.3, 0.9]  # as good again is not better
    options = ["trainer.patience=3", "trainer.epochs=10"]
    history, weights, network = run_with_scores(monkeypatch, scores, *options)
    assert len(history.epochs) == 5
    assert history.kept_epoch == 2
    assert [epoch.best for epoch in history.epochs] == [True, True, False, False, False]
    assert_same_bits(network.logits.get_weights(), weights[1])
    assert all((a != b).any() for a, b in zip(weights[1], weights[4], strict=True))


@pytest.mark.slow
@EAGER
def test_patience_starts_again_with_each_better_epoch(monkeypatch):
    scores = [0.1, 0.0, 0.2, 0.1, 0.3, 0.2, 0.1]
    options = ["trainer.patience=2", "trainer.epochs=9"]
    history, _, _ = run_with_scores(monkeypatch, scores, *options)
    assert len(history.epochs) == 7
    assert history.kept_epoch == 5


@pytest.mark.slow
@EAGER
def test_best_weights_come_back_where_epochs_run_out_first(monkeypatch):
    options = ["trainer.patience=5", "trainer.epochs=3"]
    history, weights, network = run_with_scores(monkeypatch, [3, 2, 1], *options)
    assert (len(history.epochs), history.kept_epoch) == (3, 1)
    assert_same_bits(network.logits.get_weights(), weights[0])


@pytest.mark.slow
@EAGER
def test_no_patience_trains_all_epochs_and_keeps_the_last(monkeypatch):
    options = ["trainer.patience=null", "trainer.epochs=4"]
    history, weights, network = run_with_scores(monkeypatch, [4, 3, 2, 1], *options)
    assert (len(history.epochs), history.kept_epoch) == (4, 4)
    assert_same_bits(network.logits.get_weights(), weights[-1])


def averages(weights, decay):
    """The moving average of each weight after each epoch."""
    powers = [decay ** np.arange(n)[::-1] for n in range(1, len(weights) + 1)]
    return [
        [
            np.average(w[:n], axis=0, weights=powers[n - 1])
            for w in zip(*weights, strict=True)
        ]
        for n in range(1, len(weights) + 1)
    ]


@pytest.mark.slow
@EAGER
@pytest.mark.parametrize(("patience", "kept"), [("3", 2), ("null", 5)])
def test_run_keeps_the_moving_average_and_trains_on_without_it(
    patience, kept, monkeypatch
):
    scores = [0.1, 0.5, 0.4, 0.5, 0.3]
    options = [f"trainer.patience={patience}", "trainer.epochs=5"]
    _, plain, _ = run_with_scores(monkeypatch, scores, *options)
    history, weights, network = run_with_scores(
        monkeypatch, scores, *options, "trainer.ema_decay=0.6"
    )
    assert history.kept_epoch == kept
    for a, b in zip(plain, weights, strict=True):
        assert_same_bits(a, b)
    expected = averages(weights, 0.6)[kept - 1]
    for a, b in zip(network.logits.get_weights(), expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)


@pytest.mark.slow
@EAGER
def test_run_of_one_epoch_has_no_average(monkeypatch):
    # An average would be one more copy of all tables.
    averages_seen = []

    def seen(average, _):
        averages_seen.append(average.arrays)

    monkeypatch.setattr(MovingAverage, "_swap", seen)
    run_with_scores(monkeypatch, [0.1], "trainer.epochs=1", "trainer.ema_decay=0.6")
    assert averages_seen == [[], []]


@pytest.mark.slow
@EAGER
@pytest.mark.parametrize("decay", [0, 0.5])
def test_kept_network_scores_as_its_epoch_did(decay):
    # What is learnt is wrong on the validation rows, more so each epoch.
    chosen = config(
        "trainer.patience=2",
        "trainer.monitor=click.log_loss",
        "optimizer=sgd",
        f"trainer.ema_decay={decay}",
    )
    table, _ = encoded(chosen)
    opposite = {task: 1 - y for task, y in table.labels.items()}
    valid = Table(table.features, opposite, table.weights)
    network, history = trained(chosen, table, valid)
    losses = [epoch.valid["click"]["log_loss"] for epoch in history.epochs]
    assert len(losses) < chosen.training_length(table.num_rows).epochs
    assert history.kept_epoch == 1 + int(np.argmin(losses)) < len(losses)
    found = score_outputs(chosen.outputs, valid, network.predict(valid))
    assert found == history.epochs[history.kept_epoch - 1].valid


@pytest.mark.slow
def test_speed_of_the_first_epoch_leaves_out_the_time_of_compiling(monkeypatch):
    run = Steps._run_or_recompile

    def slow_to_compile(steps, *arguments):
        if not steps.compile_seconds:
            time.sleep(1)
        return run(steps, *arguments)

    monkeypatch.setattr(Steps, "_run_or_recompile", slow_to_compile)
    chosen = config("trainer.epochs=2")
    network, (table, *_) = built(chosen), encoded(chosen)
    start = time.perf_counter()
    history = train(chosen, network, table, None, Progress())
    whole = time.perf_counter() - start
    first, second = history.epochs
    assert first.compile_seconds == history.compile_seconds > 1
    assert second.compile_seconds == 0
    seconds = first.seconds + second.seconds
    assert first.compile_seconds + seconds < whole
    assert first.samples_per_second == pytest.approx(300 / first.seconds)
    assert first.seconds < 1


@pytest.mark.slow
@EAGER
def test_history_tells_mean_losses_and_progress_sees_every_epoch():
    chosen = config("trainer.epochs=2")
    table, _ = encoded(chosen)
    shares, epochs = [], []
    progress = Progress(
        step=lambda number, share, losses, rate: shares.append((number, share)),
        epoch=epochs.append,
    )
    _, history = trained(chosen, table, progress=progress)
    assert epochs == history.epochs
    assert [epoch.number for epoch in epochs] == [1, 2]
    assert shares == [(1, 1.0), (2, 1.0)]


@pytest.mark.slow
@EAGER
def test_loss_of_an_epoch_is_the_mean_over_the_rows_of_the_task():
    # 300 rows in steps of 64, the last of 44; "buy" has rows in two of them.
    chosen = config("trainer.epochs=1", "trainer.batch_size=64")
    table, _ = encoded(chosen, 300)
    order = np.random.default_rng([chosen.seed, 1]).permutation(300)
    weights = table.weights | {"buy": np.zeros(300, "float32")}
    weights["buy"][order[[3, 290, 299]]] = [1.0, 2.0, 3.0]
    table = Table(table.features, table.labels, weights)
    _, history = trained(chosen, table)
    losses = np.concatenate(epoch_of(chosen, built(chosen), table, order))
    expected = {
        "click": np.average(losses[:, 0], weights=[64, 64, 64, 64, 44]),
        "buy": np.average(losses[[0, 4], 1], weights=[1, 5]),
        "amount": np.average(losses[:, 2], weights=[64, 64, 64, 64, 44]),
    }
    assert history.epochs[0].losses == pytest.approx(expected, rel=FLOAT32)


def test_mean_loss_of_rows_that_weigh_less_than_1():
    weight_of_task = [1.0, 1.0]
    losses = np.array(
        [
            [[2.0, 0.0], [0.25, 0.0], weight_of_task],
            [[6.0, 0.0], [0.25, 0.0], weight_of_task],
        ]
    )
    assert mean_losses(losses).tolist() == [4.0, 0.0]


# Dropout


def test_every_dropout_has_masks_of_its_own():
    chosen = config("model.dropout=0.5", "model.tower_units=[4,4]", model="ple")
    network = built(chosen)
    reseed(network.logits, [1, 1])
    states = [
        tuple(layer.seed_generator.state.numpy())
        for layer in network.logits._flatten_layers()
        if isinstance(layer, keras.layers.Dropout)
    ]
    assert len(set(states)) == len(states)
    # Shared and specific experts of two levels, and two layers of towers.
    assert len(states) >= 6


def test_calls_of_all_buffers_are_numbered_by_their_first_step(monkeypatch, eager):
    monkeypatch.setattr(steps_module, "STEPS_PER_CALL", 2)
    chosen = config()
    steps = Steps(chosen, built(chosen), 9 * 64, Replicas(rank=1))
    taken = []
    monkeypatch.setattr(steps, "run", lambda *_: tf.zeros((2, 3, 3)))
    monkeypatch.setattr(
        steps_module, "reseed", lambda _, seeds: taken.append(tuple(seeds))
    )
    rows = MemoryFeed(encoded(chosen, 192)[0], list(chosen.chosen_tasks))
    buffers = [rows.buffer(np.arange(192), 64) for _ in range(3)]  # 3 steps each
    calls = [len(losses) for losses in steps.epoch(buffers, 5)]
    assert calls == [2, 1, 2, 1, 2, 1]
    # The run's seed, the epoch, the call's first step, this process's rank.
    assert taken == [(1, 5, step, 1) for step in (0, 2, 3, 5, 6, 8)]
    taken.clear()
    list(steps.epoch(buffers, 5, steps_done=5))
    assert [step for _, _, step, _ in taken] == [5, 6, 8]


def losses_under_dropout(monkeypatch, *numbers, seed=1):
    """The losses of six steps on one batch of rows in the epochs with these numbers.

    One network takes all steps, two in each call. Its weights do not move. Without
    dropout, all losses would be equal.
    """
    monkeypatch.setattr(steps_module, "STEPS_PER_CALL", 2)
    still = ["optimizer=sgd", "optimizer.learning_rate=1e-30", "model.dropout=0.5"]
    chosen = config(*still, f"seed={seed}")
    table = encoded(chosen, 64)[0]
    network = built(config(*still))  # of one seed
    steps = Steps(chosen, network, 6 * 64)
    rows = MemoryFeed(table, list(chosen.chosen_tasks))
    buffer = rows.buffer(np.tile(np.arange(64), 6), 64)
    return [
        np.concatenate(list(steps.epoch([buffer], number)))[:, 0, 0].tolist()
        for number in numbers
    ]


def test_dropout_masks_depend_on_seed_epoch_and_step_alone(monkeypatch, eager):
    first, second, again = losses_under_dropout(monkeypatch, 1, 2, 1)
    assert again == first
    (other,) = losses_under_dropout(monkeypatch, 1, seed=2)
    assert len({*first, *second, *other}) == 18


@pytest.mark.slow
def test_predictions_drop_nothing():
    chosen = [config(f"model.dropout={share}") for share in (0.0, 0.9)]
    plain, dropping = map(built, chosen)
    dropping.logits.set_weights(plain.logits.get_weights())
    table = encoded(chosen[0])[0]
    found = [network.predict(table) for network in (plain, dropping)]
    for name in ("click", "buy", "amount"):
        np.testing.assert_array_equal(found[0][name], found[1][name])


# Learning rates


@pytest.mark.parametrize(
    ("shape", "middle", "end"),
    [("constant", 1.0, 1.0), ("linear", 0.5, 0.0), ("cosine", 0.5, 0.0)],
)
def test_schedule_rises_over_the_warm_up_and_falls_to_its_end(shape, middle, end):
    rate = Schedule(0.2, shape, warmup_steps=10, total_steps=110)
    rising = [float(rate(step)) for step in range(10)]
    assert rising == pytest.approx([0.02 * (i + 1) for i in range(10)], rel=FLOAT32)
    assert float(rate(10)) == pytest.approx(0.2, rel=FLOAT32)
    assert float(rate(60)) == pytest.approx(0.2 * middle, rel=FLOAT32)
    assert float(rate(110)) == pytest.approx(0.2 * end, abs=1e-8)
    assert float(rate(500)) == pytest.approx(0.2 * end, abs=1e-8)


def test_cosine_schedule_has_its_closed_form():
    rate = Schedule(0.2, "cosine", warmup_steps=0, total_steps=90)
    for step in (0, 15, 30, 60, 75):
        expected = 0.2 * (1 + math.cos(math.pi * step / 90)) / 2
        assert float(rate(step)) == pytest.approx(expected, rel=FLOAT32)


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "adagrad", "sgd"])
def test_optimizer_takes_the_schedules_rate_of_its_step(optimizer):
    chosen = config(
        f"optimizer={optimizer}",
        "optimizer.schedule=linear",
        "optimizer.warmup_steps=2",
        "optimizer.learning_rate=0.08",
    ).optimizer.build(total_steps=6)
    chosen.build([keras.Variable(1.0)])
    rates = []
    for step in range(7):
        chosen.iterations.assign(step)
        rates.append(float(chosen.learning_rate))
    expected = [0.04, 0.08, 0.08, 0.06, 0.04, 0.02, 0]
    assert rates == pytest.approx(expected, rel=FLOAT32)


def test_schedule_spans_all_epochs_of_the_run():
    chosen = config(
        "optimizer.schedule=linear", "optimizer.learning_rate=0.5", "trainer.epochs=4"
    )
    optimizer = Steps(chosen, built(chosen), 300).optimizer
    rates = []
    for epoch in range(5):
        optimizer.iterations.assign(epoch * 5)  # 300 rows are 5 batches of 64
        rates.append(float(optimizer.learning_rate))
    assert rates == pytest.approx([0.5, 0.375, 0.25, 0.125, 0], rel=FLOAT32)


# Precision


@pytest.mark.slow
def test_bfloat16_keeps_weights_and_logits_in_float32_and_learns_the_same():
    options = ["trainer.epochs=3", "optimizer.learning_rate=0.01"]
    half, whole = (
        trained(config(*options, f"trainer.precision={precision}", model="ple"))
        for precision in ("bfloat16", "float32")
    )
    (halved, history), (network, expected) = half, whole
    assert {w.dtype for w in halved.logits.trainable_variables} == {"float32"}
    assert {y.dtype for y in halved.logits.outputs} == {"float32"}
    experts = halved.logits.get_layer("level_1_shared_experts")
    assert experts.compute_dtype == "bfloat16"
    for mine, other in zip(history.epochs, expected.epochs, strict=True):
        # Eight bits tell numbers apart to 0.4 %.
        assert mine.losses == pytest.approx(other.losses, rel=0.03)
        assert mine.losses != other.losses
    table, _ = encoded(config(model="ple"))
    for p, q in zip(
        halved.predict(table).values(), network.predict(table).values(), strict=True
    ):
        assert np.corrcoef(p, q)[0, 1] > 0.98
