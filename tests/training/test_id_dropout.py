"""Dropout of ids: rare ids become unknown in training more often than frequent ids."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from helpers.planted_data import config, parquet, planted, values
from helpers.slow import slow_except

from mtl_cli.core import tensorflow_runtime
from mtl_cli.data.load import load
from mtl_cli.network.build import build
from mtl_cli.training.feed import MemoryFeed
from mtl_cli.training.id_dropout import IdDropout
from mtl_cli.training.steps import Steps

TASKS = {"click": {"label": "click", "kind": "binary"}}
ALWAYS = 1e30  # an `id_dropout` that drops every id


def drop(ids: Any, rates: Any, seed: int = 1, rank: int = 0, step: int = 0) -> Any:
    """Returns the ids after dropout."""
    features = {"ids": tf.constant(ids, tf.int32)}
    dropout = IdDropout({c: np.asarray(r) for c, r in rates.items()}, seed, rank)
    return dropout.drop(features, tf.constant(step, tf.int64))["ids"].numpy()


def test_each_id_is_dropped_as_often_as_its_rate_says() -> None:
    ids = np.tile([[1, 1, 1], [2, 2, 2], [3, 3, 3]], (4000, 1))
    after = drop(ids, {0: [1, 0.1, 0.5, 0.9], 2: [1, 0, 1, 0.25]})
    np.testing.assert_array_equal(after[:, 1], ids[:, 1])  # has no rates
    for column, rates in ((0, [0.1, 0.5, 0.9]), (2, [0, 1, 0.25])):
        for number, rate in enumerate(rates, start=1):
            found = after[ids[:, column] == number, column]
            assert set(found) <= {0, number}
            deviation = np.sqrt(rate * (1 - rate) / len(found))
            assert abs((found == 0).mean() - rate) <= 4 * deviation


def test_columns_are_dropped_independently() -> None:
    after = drop(np.ones((4000, 2)), {0: [1, 0.5], 1: [1, 0.5]})
    assert abs(np.corrcoef(after.T)[0, 1]) < 4 / np.sqrt(4000)


def test_draws_depend_on_seed_rank_and_step_alone() -> None:
    ids, rates = np.ones((200, 1)), {0: [1, 0.5]}
    first = drop(ids, rates)
    np.testing.assert_array_equal(first, drop(ids, rates))
    for change in ({"seed": 2}, {"rank": 1}, {"step": 1}):
        assert (first != drop(ids, rates, **change)).any(), change


def run_steps(folder: Any, id_dropout: float, *overrides: str) -> tuple[Any, Any]:
    """Trains one epoch; returns the layout, and the changes of the embedding table."""
    sparse = {"kind": "sparse", "id_dropout": id_dropout}
    cross = {"kind": "cross", "columns": ["user", "item"], "id_dropout": id_dropout}
    price = {"kind": "dense", "transform": "standard"}
    features = {"user": sparse, "pair": cross, "price": price}
    keys = values(parquet(folder, planted(128)), features, TASKS)
    chosen = config(keys, "encoder.l2_embedding=0", *overrides)
    data = load(chosen.dataset, chosen.outputs)
    tensorflow_runtime.start(chosen.seed, deterministic=True)
    network = build(chosen, data.features.layout)
    table = network.logits.get_layer("embedding").table
    before = table.numpy()
    steps = Steps(chosen, network, 128)
    feed = MemoryFeed(data.splits["train"], list(TASKS))
    list(steps.epoch(feed.buffers(1, 1, steps.batch_size)))
    steps.copy_tables_to_network()
    return data.features.layout, table.numpy() - before


@pytest.mark.parametrize(
    ("lazy", "compiled"),
    slow_except([(True, False)], [(True, False), (False, False), (False, True)]),
)
def test_training_moves_vectors_of_the_ids_that_stay(
    lazy: bool, compiled: bool, tmp_path: Any
) -> None:
    settings = [f"optimizer.lazy={lazy}", f"trainer.compile={compiled}"]
    layout, change = run_steps(tmp_path, ALWAYS, *settings)
    unknown = [0, layout.tables["user"].size]  # the rows of id 0 of both tables
    assert np.abs(change[unknown]).max(axis=1).all()
    assert not np.delete(change, unknown, axis=0).any()
    _, change = run_steps(tmp_path, 0, *settings)
    assert not change[unknown].any()
    assert np.abs(np.delete(change, unknown, axis=0)).max(axis=1).all()


def test_predictions_drop_no_id(tmp_path: Any) -> None:
    features = {"user": {"kind": "sparse", "id_dropout": ALWAYS}}
    chosen = config(values(parquet(tmp_path, planted(64)), features, TASKS))
    data = load(chosen.dataset, chosen.outputs)
    network = build(chosen, data.features.layout)
    predictions = network.predict(data.splits["train"])["click"]
    users = data.splits["train"].features["ids"][:, 0]
    assert len(set(predictions.tolist())) == len(set(users.tolist())) > 1
