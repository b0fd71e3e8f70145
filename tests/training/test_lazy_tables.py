"""Lazy updates of embedding tables: the dense ones where a batch touches every row."""

from itertools import pairwise

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers.networks import config
from helpers.planted_data import fitted_features, planted
from helpers.slow import slow_except

from mtl_cli.core import tensorflow_runtime
from mtl_cli.core.errors import ConfigError
from mtl_cli.data.table import Table
from mtl_cli.layers import FusedEmbedding
from mtl_cli.network.build import build
from mtl_cli.network.parts import freeze
from mtl_cli.optimizers.adam import Adam
from mtl_cli.training import lazy_tables
from mtl_cli.training import train as train_module
from mtl_cli.training.feed import MemoryFeed
from mtl_cli.training.lazy_tables import make_lazy_tables
from mtl_cli.training.progress import Progress
from mtl_cli.training.steps import Steps

# Both sides add the same float32 numbers in another order.
ROUNDING = 2e-5

USERS, ITEMS = 9, 5
DATA = (
    "~dataset.features",
    "+dataset.features={user: {kind: sparse}, item: {kind: sparse},"
    " price: {kind: dense, transform: standard}}",
    "~dataset.tasks",
    "+dataset.tasks={click: {label: click, kind: binary},"
    " buy: {label: buy, kind: binary}}",
    "model=shared_bottom",
    "encoder.embedding_dim=4",
    "encoder.embedding_stddev=0.5",
    "trainer.batch_size=32",
    "trainer.epochs=1",
    "trainer.compile=false",
)
OPTIMIZERS = {
    "adam": "optimizer=adam",
    "schedule": "optimizer=adam optimizer.schedule=cosine optimizer.warmup_steps=3",
    "clipped": "optimizer=sgd optimizer.clip_norm=0.05 optimizer.learning_rate=1",
    "l2": "optimizer=adam encoder.l2_embedding=0.05",
    "sets": "optimizer=adam model=single_task",
    "deepfm": "optimizer=adam encoder=deepfm",
}


def rows_with_every_id_in_each_batch(batches):
    """A table whose batches of 32 rows each hold every user and every item."""
    parts = []
    for seed in range(batches):
        rows = planted(32, seed).to_pandas()
        rows.loc[: USERS - 1, "user"] = np.arange(USERS)
        rows.loc[: ITEMS - 1, "item"] = [f"item{i}" for i in range(ITEMS)]
        # Index 0 stands for what training lacks; it must be touched too.
        rows.loc[USERS, ["user", "item"]] = [-1, "new"]
        parts.append(rows)
    return parts


def encoded_rows(chosen, batches=6):
    """Rows of some batches, and the layout of their features."""
    import pandas as pd
    import pyarrow as pa

    frame = pd.concat(rows_with_every_id_in_each_batch(batches), ignore_index=True)
    rows = pa.Table.from_pandas(frame)
    known = pa.Table.from_pandas(frame[(frame.user >= 0) & (frame.item != "new")])
    feature_set = fitted_features(chosen.dataset.features, known)
    tasks = chosen.chosen_tasks
    labels = {n: t.read_labels(n, rows[t.label]) for n, t in tasks.items()}
    weights = {n: np.ones_like(y) for n, y in labels.items()}
    return Table(feature_set.encode(rows), labels, weights), feature_set.layout


def trained(chosen, batches=6):
    """The weights before and after some batches, the losses, and the steps."""
    table, layout = encoded_rows(chosen, batches)
    tasks = chosen.chosen_tasks
    tensorflow_runtime.start(chosen.seed, deterministic=True)
    network = build(chosen, layout)
    before = [w.numpy() for w in network.logits.trainable_variables]
    steps = Steps(chosen, network, table.num_rows)
    buffer = MemoryFeed(table, list(tasks)).buffer(np.arange(table.num_rows), 32)
    losses = np.concatenate(list(steps.epoch([buffer])))[:, 0]
    steps.copy_tables_to_network()
    after = [w.numpy() for w in network.logits.trainable_variables]
    return before, after, losses, steps


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("name", slow_except(["adam"], OPTIMIZERS))
def test_lazy_equals_dense_where_every_row_is_touched(name):
    chosen = {
        way: config(*DATA, *OPTIMIZERS[name].split(), f"optimizer.lazy={way}")
        for way in ("true", "false")
    }
    before, mine, losses, steps = trained(chosen["true"])
    _, dense, expected, others = trained(chosen["false"])
    assert steps.tables
    assert not others.tables
    np.testing.assert_allclose(losses, expected, rtol=1e-4)
    for ours, theirs, start in zip(mine, dense, before, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=ROUNDING)
        assert abs(theirs - start).max() > 2 * ROUNDING


@pytest.mark.usefixtures("eager")
def test_vectors_of_a_task_do_not_depend_on_the_gradients_of_other_tasks():
    settings = ["model=single_task", "optimizer=rowwise_adagrad"]
    tables = []
    for weight in (1, 100):
        chosen = config(*DATA, *settings, f"+dataset.tasks.buy.weight={weight}")
        _, (table, *_), _, steps = trained(chosen, batches=2)
        assert steps.tables[0].slots()[0].shape == (len(table), 2)
        tables.append(table)
    changed = (tables[0] != tables[1]).any(axis=0)
    assert not changed[:4].any()  # the vectors of the task click
    assert changed[4:].all()


@pytest.mark.slow
@pytest.mark.parametrize("lazy", ["true", "false"])
def test_steps_count_if_only_tables_are_trained(lazy):
    """Keras counts no step without a gradient; the schedule and Adam need the count."""
    chosen = config(*DATA, f"optimizer.lazy={lazy}")
    table, layout = encoded_rows(chosen)
    network = build(chosen, layout)
    freeze(network, ["encoder", "experts", "gates", "towers"])
    steps = Steps(chosen, network, table.num_rows)
    buffer = MemoryFeed(table, list(chosen.chosen_tasks)).buffer(
        np.arange(table.num_rows), 32
    )
    num_steps = sum(len(losses) for losses in steps.epoch([buffer]))
    assert int(steps.optimizer.iterations) == num_steps > 1


@pytest.mark.slow
def test_validation_reads_tables_after_the_steps_of_their_epoch(monkeypatch):
    settings = ["optimizer.lazy=true", "trainer.epochs=2", "trainer.ema_decay=0"]
    chosen = config(*DATA, *settings)
    table, layout = encoded_rows(chosen)
    tensorflow_runtime.start(chosen.seed, deterministic=True)
    network = build(chosen, layout)
    tables = [network.logits.get_layer("embedding").table.numpy()]

    def validate(config, state, valid, monitored):
        tables.append(network.logits.get_layer("embedding").table.numpy())
        return {}, float(len(tables))

    monkeypatch.setattr(train_module, "validate", validate)
    train_module.train(chosen, network, table, table, Progress())
    changes = [abs(b - a).max() for a, b in pairwise(tables)]
    assert len(changes) == 2
    assert min(changes) > 1e-3


@pytest.mark.slow
def test_compiled_and_uncompiled_lazy_steps_agree():
    options = [*DATA, "optimizer.lazy=true"]
    _, first, losses, _ = trained(config(*options, "trainer.compile=true"))
    _, second, expected, _ = trained(config(*options))
    np.testing.assert_allclose(losses, expected, rtol=1e-4)
    for mine, other in zip(first, second, strict=True):
        np.testing.assert_allclose(mine, other, atol=ROUNDING)


@pytest.mark.parametrize(
    ("settings", "slot_widths", "slot_start"),
    [
        ("adam", 4 + 4, 0.0),
        ("adamw", 4 + 4, 0.0),
        ("rowwise_adagrad optimizer.initial_accumulator_value=0.5", 1, 0.5),
    ],
)
def test_rows_that_no_batch_touches_stay(settings, slot_widths, slot_start):
    settings = f"optimizer={settings} optimizer.lazy=true".split()
    chosen = config(*DATA, *settings)
    network = build(chosen, spec_of(chosen))
    (table,) = make_lazy_tables(network.logits, chosen.optimizer)
    slots_end = 4 + slot_widths
    assert table.packed.shape == (17, slots_end + 1)
    assert (table.packed[:16, 4:slots_end].numpy() == slot_start).all()
    assert (table.packed[:16, slots_end].numpy() == -1).all()  # no step yet
    before = table.layer.table.numpy()
    rows, places = table.rows_of_batch(tf.constant([[0, 0], [0, 1]]))
    # The second column's table begins below the first's, at row 10.
    assert rows.numpy().tolist() == [0, 10, 11, 16]  # padded
    assert places.numpy().tolist() == [[0, 1], [0, 2]]
    packed = table.read(rows)
    with tf.GradientTape() as tape:
        values = packed[:, :4]
        tape.watch(values)
        total = tf.reduce_sum(table.layer_output(values, places))
    gradient = tape.gradient(total, values)
    assert gradient.numpy()[:, 0].tolist() == [2, 1, 1, 0]  # row 0 occurs twice
    after = table.rows_after_step(packed, gradient, np.int64(7), np.float32(0.1))
    assert (after[3, :slots_end].numpy() == packed[3, :slots_end].numpy()).all()
    table.write(rows, after)
    assert (table.layer.table.numpy() == before).all()
    table.copy_to_layer()
    moved = (table.layer.table.numpy() != before).any(axis=1)
    assert np.flatnonzero(moved).tolist() == [0, 10, 11]
    slots_moved = (table.packed[:16, 4:slots_end].numpy() != slot_start).any(axis=1)
    assert np.flatnonzero(slots_moved).tolist() == [0, 10, 11]
    assert np.flatnonzero(table.packed[:16, slots_end] == 7).tolist() == [0, 10, 11]


def test_steps_since_a_row_was_read_count_from_the_first_step_of_a_run():
    chosen = config(*DATA, "optimizer.lazy=true", "encoder.l2_embedding=0.5")
    network = build(chosen, spec_of(chosen))
    (table,) = make_lazy_tables(network.logits, chosen.optimizer)
    table.begin_after(3)
    packed = table.read([0, 10])
    rows = table.without_slots(packed)
    for step, num_steps in ((3, 1), (7, 5)):
        penalties = table.add_l2_gradient(tf.zeros((2, 4)), packed, np.int64(step))
        np.testing.assert_allclose(penalties, num_steps * rows, rtol=1e-6)
    after = table.rows_after_step(packed, rows, np.int64(7), np.float32(0.1))
    penalties = table.add_l2_gradient(tf.zeros((2, 4)), after, np.int64(9))
    np.testing.assert_allclose(penalties, 2 * table.without_slots(after), rtol=1e-6)


@pytest.mark.usefixtures("eager")
def test_clipping_leaves_the_penalty_of_the_rows_of_a_lazy_table():
    settings = "optimizer=sgd optimizer.learning_rate=1 optimizer.clip_norm=1e-12"
    penalty = ["encoder.l2_embedding=0.25", "optimizer.lazy=true"]
    before, after, _, steps = trained(
        config(*DATA, *settings.split(), *penalty), batches=1
    )
    shape = steps.tables[0].layer.table.shape
    (i,) = [i for i, x in enumerate(before) if x.shape == shape]
    np.testing.assert_allclose(after[i], before[i] - 2 * 0.25 * before[i], atol=1e-6)


def spec_of(chosen):
    """Sizes of the planted features."""
    return fitted_features(chosen.dataset.features, planted()).layout


def test_auto_is_lazy_for_large_tables_only(monkeypatch):
    chosen = config(*DATA)
    network = build(chosen, spec_of(chosen))
    assert make_lazy_tables(network.logits, chosen.optimizer) == []
    monkeypatch.setattr(lazy_tables, "LARGE_TABLE", 10)
    assert len(make_lazy_tables(network.logits, chosen.optimizer)) == 1


def test_optimizer_with_only_another_keras_optimizer_has_no_lazy_tables():
    class MyAdam(Adam):
        def make_keras_optimizer(self, **common):
            return keras.optimizers.Adam(beta_1=self.beta_1, amsgrad=True, **common)

    chosen = config(*DATA, "optimizer.lazy=true")
    network = build(chosen, spec_of(chosen))
    keys = chosen.optimizer.model_dump() | {"name": "my_adam"}
    with pytest.raises(ConfigError, match=r"my_adam: .* no `row_change` of its own"):
        make_lazy_tables(network.logits, MyAdam(**keys))
    assert make_lazy_tables(network.logits, MyAdam(**keys | {"lazy": False})) == []


def test_change_of_rows_with_another_shape_is_refused(monkeypatch):
    chosen = config(*DATA, "optimizer=adam", "optimizer.lazy=true")
    (table,) = make_lazy_tables(build(chosen, spec_of(chosen)).logits, chosen.optimizer)
    monkeypatch.setattr(Adam, "row_change", lambda *_: (tf.ones((2, 1)), []))
    packed = table.read(np.array([0, 1]))
    with pytest.raises(ConfigError, match=r"`row_change` returns \(2, 1\), not \(rows"):
        table.rows_after_step(packed, np.ones((2, 4)), np.int64(0), np.float32(0.1))


def test_row_that_occurs_twice_moves_as_adam_says():
    layer = FusedEmbedding([4], embedding_dim=2)
    ids = np.array([[1], [1], [1], [1], [2]])
    layer(ids)
    before = layer.table.numpy()
    adam = keras.optimizers.Adam(1e-3)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(ids, training=True))
    adam.apply(
        tape.gradient(loss, layer.trainable_variables), layer.trainable_variables
    )
    # Adam's first step is the learning rate, whatever the size of the gradient.
    moved = before - layer.table.numpy()
    np.testing.assert_allclose(moved[[1, 2]], 1e-3, rtol=1e-3)
    assert (moved[[0, 3]] == 0).all()
