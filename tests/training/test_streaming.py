"""Training rows read from disk: every row once, well mixed, and the same results."""

import math
import os

import numpy as np
import pytest
from helpers.planted_data import config, loaded, outputs, parquet, run_in, values

from mtl_cli.core import tensorflow_runtime
from mtl_cli.core.errors import ConfigError, TrainingError
from mtl_cli.data import load as load_module
from mtl_cli.data.table import StoredTable, Table, as_arrays
from mtl_cli.network.build import build
from mtl_cli.runs import saved_model
from mtl_cli.scoring.scores import score_outputs
from mtl_cli.training import feed as feed_module
from mtl_cli.training.feed import MemoryFeed, StreamFeed, make_feed
from mtl_cli.training.progress import Progress
from mtl_cli.training.train import train

ROWS = 1003
BLOCK, BUFFER = 8, 64
FEATURES = {
    "row": {"kind": "dense", "transform": "none"},
    "user": {"kind": "sparse"},
    "item": {"kind": "sparse"},
    "tags": {"kind": "sequence", "max_length": 3},
}
TASKS = {
    "click": {"label": "click", "kind": "binary"},
    "buy": {"label": "buy", "kind": "binary", "space": "click"},
}


@pytest.fixture(autouse=True)
def small_buffers(monkeypatch):
    """Buffers of 9 blocks of 8 rows."""
    monkeypatch.setattr(feed_module, "BLOCK_ROWS", BLOCK)
    monkeypatch.setattr(feed_module, "BUFFER_ROWS", BUFFER)


def planted(rows=ROWS):
    """Columns in which the click follows from user and item."""
    random = np.random.default_rng(0)
    user, item = random.integers(0, 8, rows), random.integers(0, 8, rows)
    taste = np.random.default_rng(1).normal(size=(8, 8)) > 0
    click = np.where(random.random(rows) < 0.05, ~taste[user, item], taste[user, item])
    return {
        "row": np.arange(rows),
        "user": user,
        "item": item,
        "tags": [[int(j) for j in range(i % 4)] for i in range(rows)],
        "click": click.astype(int),
        "buy": [None if i % 5 == 0 else int(i % 3 == 0) for i in range(rows)],
    }


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """The planted rows."""
    return parquet(tmp_path_factory.mktemp("rows"), planted())


@pytest.fixture(scope="module")
def stored(file):
    """All planted rows, on disk."""
    return loaded(file, FEATURES, TASKS, stream=True).splits["train"]


def row_numbers(feed, seed=1, epoch=1, batch_size=32):
    """The rows of each buffer, in the order in which they are trained on."""
    found = []
    for buffer in feed.buffers(seed, epoch, batch_size):
        rows = buffer.data[0]["dense"].numpy()[:, 0]
        found.append(rows[buffer.order].astype(int).tolist())
    return found


def flat(buffers):
    return [row for buffer in buffers for row in buffer]


# Which rows, in which order


@pytest.mark.parametrize("batch_size", [1, 7, 32, 64, 100, 333, ROWS - 1, ROWS])
def test_epoch_has_each_row_once_in_whole_batches_but_the_last(stored, batch_size):
    buffers = row_numbers(StreamFeed(stored, list(TASKS)), batch_size=batch_size)
    assert sorted(flat(buffers)) == list(range(ROWS))
    assert all(len(buffer) % batch_size == 0 for buffer in buffers[:-1])
    assert all(buffers)
    if batch_size <= 100:
        assert len(buffers) > 5


@pytest.mark.parametrize("rows", [1, 7, 8, 9, 71, 72, 73, 144, 145])
def test_any_number_of_rows_is_read_whole(file, tmp_path, rows):
    columns = {name: x[:rows] for name, x in planted().items()}
    columns["click"] = [i % 2 for i in range(rows)]
    tasks = {"click": TASKS["click"]}
    if rows == 1:  # both classes are needed
        columns = {name: [x[0], x[0]] for name, x in columns.items()}
        columns |= {"click": [0, 1], "row": [0, 1]}
    path = parquet(tmp_path, columns)
    table = loaded(path, FEATURES, tasks, stream=True).splits["train"]
    buffers = row_numbers(
        StreamFeed(table, ["click"]), batch_size=min(5, table.num_rows)
    )
    assert sorted(flat(buffers)) == list(range(table.num_rows))
    if rows == 1:
        with pytest.raises(ConfigError, match="2 training rows are too few for 3 proc"):
            StreamFeed(table, ["click"], shard=(0, 3))


def test_rows_of_a_buffer_keep_their_features_labels_and_weights(stored):
    whole = as_arrays(stored.mapped())
    for buffer in StreamFeed(stored, list(TASKS)).buffers(1, 1, 32):
        dense = buffer.data.features["dense"].numpy()
        rows = dense[buffer.order, 0].astype(int)
        for kind, tensors in buffer.data._asdict().items():
            for name, x in tensors.items():
                mine = x.numpy()[buffer.order]
                np.testing.assert_array_equal(mine, whole[f"{kind}.{name}"][rows])


def test_buffers_of_an_epoch_have_one_shape(stored):
    # Or each would be compiled anew.
    shapes = {
        tuple(x.shape)
        for buffer in StreamFeed(stored, list(TASKS)).buffers(1, 1, 32)
        for x in buffer.data[0].values()
    }
    capacity = 9 * BLOCK + 32
    assert shapes == {(capacity, 1), (capacity, 2), (capacity, 3)}


def test_order_depends_on_seed_and_epoch_alone(stored):
    def order(seed, epoch):
        return flat(row_numbers(StreamFeed(stored, list(TASKS)), seed, epoch))

    orders = [order(seed, epoch) for seed in (1, 2) for epoch in (1, 2)]
    assert [order(seed, epoch) for seed in (1, 2) for epoch in (1, 2)] == orders
    assert len({tuple(found) for found in orders}) == 4
    agreeing = np.mean(np.array(orders[0]) == np.array(orders[1]))
    assert agreeing < 0.05  # by chance 1 in 1003


def test_rows_of_a_buffer_come_from_all_over_the_table(stored):
    spans = []
    for epoch in range(1, 6):
        buffers = row_numbers(StreamFeed(stored, list(TASKS)), epoch=epoch)
        for buffer in buffers[:-1]:
            blocks = np.unique(np.array(buffer) // BLOCK)
            assert len(blocks) >= 8
            spans.append(np.ptp(blocks) / (ROWS / BLOCK))
            assert (np.diff(blocks) > 1).sum() >= len(blocks) // 2
            # And the rows of a block are not beside each other.
            beside = np.abs(np.diff(buffer)) == 1
            assert beside.mean() < 0.2
    # Nine places at random span 0.8 on average, with a deviation of 0.12; rows left
    # over from the buffer before add to it.
    assert min(spans) > 0.4
    assert np.mean(spans) > 0.75


def test_rows_left_over_come_first_in_the_next_buffer_and_once_in_all(stored):
    buffers = row_numbers(StreamFeed(stored, list(TASKS)), batch_size=50)
    # 72 rows and what is left: 72, 22 + 72, 44 + 72, 16 + 72, ...
    assert [len(buffer) for buffer in buffers[:4]] == [50, 50, 100, 50]
    assert sum(map(len, buffers)) == ROWS


@pytest.mark.slow
def test_buffer_with_fewer_rows_than_a_batch_leaves_all_to_the_next_buffer(file):
    # 13 blocks of 8 rows; with the last block, which has 3 rows, they hold 99 rows.
    options = ["trainer.batch_size=100"]
    data = chosen(file, True, valid_fraction=0.0)
    stored = load_module.load(data.dataset, data.outputs).splits["train"]
    feed = StreamFeed(stored, list(TASKS))

    def steps(seed):
        return [buffer.num_steps for buffer in feed.buffers(seed, 1, 100)]

    seed = next(seed for seed in range(1, 99) if steps(seed)[0] == 0)
    assert sum(steps(seed)) == 11
    configured = chosen(file, True, f"seed={seed}", *options, valid_fraction=0.0)
    _, history, _ = trained(configured)
    in_memory = chosen(file, False, f"seed={seed}", *options, valid_fraction=0.0)
    _, expected, _ = trained(in_memory)
    losses, others = (h.epochs[0].losses["click"] for h in (history, expected))
    assert losses == pytest.approx(others, abs=0.02)


def test_stream_chooses_the_feed(file):
    for stream, kind in ((True, StreamFeed), (False, MemoryFeed)):
        data = loaded(file, FEATURES, TASKS, stream=stream, valid_fraction=0.1)
        assert data.is_streamed is stream
        held = StoredTable if stream else Table
        assert {type(table) for table in data.splits.values()} == {held}
        assert isinstance(make_feed(data.splits["train"], list(TASKS)), kind)


def test_auto_streams_what_is_larger_than_the_limit(file, monkeypatch):
    assert load_module.STREAM_ABOVE_BYTES == 2 * 1024**3
    train = tables(file)["train"]
    sizes = [(train.folder / f.file).stat().st_size for f in train.files.values()]
    for limit, streamed in ((sum(sizes), False), (sum(sizes) - 1, True)):
        monkeypatch.setattr(load_module, "STREAM_ABOVE_BYTES", limit)
        data = loaded(file, FEATURES, TASKS, stream="auto", valid_fraction=0.1)
        assert data.is_streamed is streamed
        assert type(data.splits["valid"]) is Table


def tables(file, **options):
    """The splits, on disk."""
    more = {"valid_fraction": 0.1} | options
    return loaded(file, FEATURES, TASKS, stream=True, **more).splits


def test_stored_rows_that_are_cut_or_removed_stop_the_run(file, tmp_path, monkeypatch):
    # A cut array of labels gave the loss 0, without a word.
    monkeypatch.setenv("MTL_CACHE", str(tmp_path))
    table = tables(file)["train"]
    path = table.folder / table.files["labels.click"].file
    os.truncate(path, 4 * 10)
    assert len(table.read(0, 10).labels["click"]) == 10
    for change in (lambda: None, lambda: os.truncate(path, 0), path.unlink):
        change()
        with pytest.raises(TrainingError, match="run the command again"):
            table.read(5, 11)


def test_stored_rows_are_those_in_memory(file):
    memory = loaded(file, FEATURES, TASKS, stream=False, valid_fraction=0.1).splits
    for split, table in tables(file).items():
        assert table.num_rows == memory[split].num_rows
        for start, stop in ((0, 5), (3, 11), (table.num_rows - 4, table.num_rows + 9)):
            mine = as_arrays(table.read(start, stop))
            expected = as_arrays(memory[split].read(start, stop))
            assert list(mine) == list(expected)
            for name, x in mine.items():
                np.testing.assert_array_equal(x, expected[name], strict=True)
        for kind in ("labels", "weights"):
            for name, x in getattr(table, kind).items():
                np.testing.assert_array_equal(x, getattr(memory[split], kind)[name])


# Training

KEYS = {"features": {n: f for n, f in FEATURES.items() if n != "row"}, "tasks": TASKS}


def chosen(file, stream, *overrides, **more):
    """A run's configuration."""
    keys = {"valid_fraction": 0.2, "stream": stream} | more
    return config(values(file, **KEYS, **keys), "model.bottom_units=[16]", *overrides)


def trained(configured):
    """A network trained on a data set's training rows."""
    data = load_module.load(configured.dataset, configured.outputs)
    tensorflow_runtime.start(configured.seed, deterministic=True)
    network = build(configured, data.features.layout)
    valid = data.splits.get("valid")
    history = train(configured, network, data.splits["train"], valid, Progress())
    return network, history, data


@pytest.mark.slow
def test_streamed_training_is_the_same_to_the_last_bit(file):
    options = ["model.dropout=0.2", "trainer.epochs=2", "trainer.batch_size=50"]
    (first, told, _), (again, told_again, _) = (
        trained(chosen(file, True, *options)) for _ in range(2)
    )
    for a, b in zip(
        first.logits.get_weights(), again.logits.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(a, b, strict=True)
    for epoch, same in zip(told.epochs, told_again.epochs, strict=True):
        assert (epoch.losses, epoch.valid) == (same.losses, same.valid)


@pytest.mark.slow
def test_predictions_and_scores_do_not_depend_on_where_rows_are(file):
    network, _, on_disk = trained(chosen(file, True))
    in_memory = loaded(file, **KEYS, stream=False, valid_fraction=0.2)
    predict = network.predict
    declared = chosen(file, True)
    for split, table in in_memory.splits.items():
        mine, expected = predict(on_disk.splits[split]), predict(table)
        for name, p in expected.items():
            np.testing.assert_array_equal(mine[name], p, strict=True)
        scores = score_outputs(declared.outputs, on_disk.splits[split], mine)
        assert scores == score_outputs(outputs(declared.dataset), table, expected)
        assert scores["buy"]["rows"] < scores["click"]["rows"] == table.num_rows


@pytest.mark.slow
def test_streamed_steps_are_those_of_a_loop_over_the_same_rows(file):
    # One buffer that holds all rows is an epoch in memory, in the stream's order.
    configured = chosen(file, True, "optimizer=sgd", valid_fraction=0.0)
    network, history, data = trained(configured)
    whole = data.splits["train"].mapped()
    tensorflow_runtime.start(configured.seed, deterministic=True)
    other = build(configured, data.features.layout)
    numbered = {**KEYS["features"], "row": FEATURES["row"]}
    rows = loaded(file, numbered, TASKS, stream=True).splits["train"]
    order = flat(row_numbers(StreamFeed(rows, list(TASKS)), batch_size=64))
    from mtl_cli.training.losses import mean_losses
    from mtl_cli.training.steps import Steps

    steps = Steps(configured, other, whole.num_rows)
    buffer = MemoryFeed(whole, list(TASKS)).buffer(np.array(order), 64)
    step_values = np.concatenate(list(steps.epoch([buffer])))
    for a, b in zip(
        network.logits.get_weights(), other.logits.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(a, b, strict=True)
    assert list(history.epochs[0].losses.values()) == mean_losses(step_values).tolist()


@pytest.mark.slow
def test_streamed_training_learns_what_training_in_memory_learns(tmp_path):
    path = parquet(tmp_path, planted(4000))
    options = ["trainer.epochs=6", "optimizer.learning_rate=0.03"]
    found = []
    for stream in (True, False):
        _, history, _ = trained(chosen(path, stream, *options))
        found.append(history.epochs[-1].valid["click"]["auc"])
    # One label in 20 is turned round: the best AUC is about 0.95.
    assert min(found) > 0.92
    assert abs(found[0] - found[1]) < 0.02


@pytest.mark.slow
def test_streamed_run_scores_all_splits_but_train(file, tmp_path):
    configured = chosen(file, True, test_fraction=0.1)
    scores = run_in(tmp_path / "run", configured)
    assert list(scores) == ["test", "valid"]
    again = saved_model.load(tmp_path / "run")
    assert again.config.dataset.stream is True
    data = loaded(file, **KEYS, valid_fraction=0.2, test_fraction=0.1, stream=False)
    table = data.splits["test"]
    assert again.features.learnt == data.features.learnt
    found = score_outputs(again.config.outputs, table, again.network.predict(table))
    assert found == scores["test"]


@pytest.mark.slow
def test_streamed_run_without_other_rows_scores_its_training_rows(file, tmp_path):
    configured = chosen(file, True, valid_fraction=0.0)
    scores = run_in(tmp_path / "run", configured)
    assert list(scores) == ["train"]
    assert scores["train"]["click"]["rows"] == ROWS
    assert (tmp_path / "run" / "report.html").exists()


@pytest.mark.parametrize("num_processes", [1, 2, 4])
@pytest.mark.parametrize("batch_size", [20, 60])
def test_steps_of_an_epoch_are_those_that_the_feed_yields(
    num_processes, batch_size, tmp_path
):
    columns = {name: x[:101] for name, x in planted().items()}
    path = parquet(tmp_path, columns)
    table = loaded(path, FEATURES, TASKS, stream=True).splits["train"]
    feed = StreamFeed(table, list(TASKS), (0, num_processes))
    num_steps = sum(b.num_steps for b in feed.buffers(1, 1, batch_size))
    assert num_steps == math.ceil(feed.rows_per_epoch / batch_size)
