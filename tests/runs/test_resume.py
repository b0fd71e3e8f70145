"""A run that is interrupted resumes, and ends as if nothing had happened."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from helpers import networks
from helpers.commands import mtl_train, on_terminal, running, wait_for
from helpers.interrupted_runs import SMALL, assert_same_run, files, has_logged
from helpers.planted_data import config, parquet, values

from mtl_cli.core import plugins, tensorflow_runtime
from mtl_cli.core.errors import ConfigError, DataError
from mtl_cli.core.run_folder import RunFolder
from mtl_cli.core.run_status import status_of
from mtl_cli.data.load import hash_rows, load
from mtl_cli.network.build import build
from mtl_cli.network.pretrained import file_hashes
from mtl_cli.runs import execution, resume
from mtl_cli.runs.earlier_run import model_hash
from mtl_cli.runs.provenance import config_hash, plugin_hashes
from mtl_cli.training import checkpoint
from mtl_cli.training import feed as feed_module
from mtl_cli.training import steps as steps_module
from mtl_cli.training.checkpoint import checkpoint_files, newest_checkpoint
from mtl_cli.training.progress import Progress
from mtl_cli.training.state import CheckpointPlan
from mtl_cli.training.train import train

FEATURES = {
    "user": {"kind": "sparse", "id_dropout": 9},
    "item": {"kind": "sparse"},
    "price": {"kind": "dense", "transform": "standard"},
}
TASKS = {
    "click": {"label": "click", "kind": "binary"},
    "spent": {"label": "spent", "kind": "regression"},
}


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    random = np.random.default_rng(0)
    user, item = random.integers(0, 40, 1000), random.integers(0, 30, 1000)
    price = random.normal(size=1000)
    rows = {"user": user, "item": item, "price": price}
    rows |= {"click": (user % 2 == item % 2).astype(int), "spent": price + user / 40}
    return parquet(tmp_path_factory.mktemp("rows"), rows)


def chosen(file, *overrides, stream=False, **more):
    """Returns a configuration whose epochs of 800 rows are 50 steps in 13 calls."""
    keys = {"valid_fraction": 0.2, "stream": stream} | more
    small = ["trainer.batch_size=16", "trainer.epochs=3", "model.tower_units=[4]"]
    return config(values(file, FEATURES, TASKS, **keys), *small, *overrides)


@pytest.fixture(autouse=True)
def short_calls(monkeypatch):
    monkeypatch.setattr(steps_module, "STEPS_PER_CALL", 4)
    monkeypatch.setattr(feed_module, "BLOCK_ROWS", 8)
    monkeypatch.setattr(feed_module, "BUFFER_ROWS", 64)


class CutError(Exception):
    """Stands for the end of a process."""


def trained(configured, folder, cut=None, starting_point=None):
    """Trains in a folder from its newest checkpoint, and fails at call number `cut`.

    `starting_point` is the value of all entries to which the penalty on embeddings
    pulls a table, None for a penalty that pulls to 0.

    Returns: the network's weights, the history, and the number of calls.
    """
    data = load(configured.dataset, configured.outputs)
    tensorflow_runtime.start(configured.seed, deterministic=True)
    network = build(configured, data.features.layout, data.label_statistics)
    if starting_point is not None:
        layer = network.logits.get_layer("embedding")
        point = np.full(layer.table.shape, starting_point, "float32")
        layer.set_starting_point(point)
    calls = 0

    def count(*_):
        nonlocal calls
        calls += 1
        if calls == cut:
            raise CutError

    run_folder = RunFolder(folder)
    run_folder.begin("")
    try:
        plan = CheckpointPlan(run_folder, 1e-9, {}, newest_checkpoint(folder)[0])
        parts = data.splits["train"], data.splits["valid"]
        history = train(configured, network, *parts, Progress(count, count), plan)
    finally:
        run_folder.release()
    return network.logits.get_weights(), history, calls


def epochs_without_seconds(history):
    """Returns the epochs of a history without their seconds, and the kept epoch."""
    timing = {"seconds": 0, "samples_per_second": 0, "compile_seconds": 0}
    epochs = [dataclasses.replace(epoch, **timing) for epoch in history.epochs]
    return epochs, history.kept_epoch


def assert_holds_best_weights_once(folder):
    """Asserts that a checkpoint holds no copy of a moving average that is the best."""
    saved, _ = newest_checkpoint(folder)
    if saved is not None:
        with saved.open_arrays() as arrays:
            is_best = saved.values.kept == len(saved.values.epochs) > 0
            if is_best and "average-0" in arrays:
                assert "best-0" not in arrays


def assert_goes_on_exactly(configured, folder, cuts):
    """Asserts that a training with several cuts ends as a training without cuts."""
    expected, history, calls = trained(configured, folder / "whole")
    assert calls > max(cuts) + 1
    for cut in cuts:
        with pytest.raises(CutError):
            trained(configured, folder / "cut", cut)
        assert checkpoint_files(folder / "cut") or cut == 1
        assert_holds_best_weights_once(folder / "cut")
    weights, other, left = trained(configured, folder / "cut")
    assert 0 < left < calls
    assert epochs_without_seconds(other) == epochs_without_seconds(history)
    for a, b in zip(weights, expected, strict=True):
        np.testing.assert_array_equal(a, b, strict=True)


PATIENT = "trainer.patience=3"
BEST_WEIGHTS = ["model.dropout=0.3", PATIENT]
TRAININGS = {
    "lazy tables, clipped": [
        "optimizer.lazy=true",
        "optimizer.clip_norm=0.5",
        *BEST_WEIGHTS,
    ],
    "rows' Adagrad": ["optimizer=rowwise_adagrad"],
    "momentum, schedule, batch norm": [
        "optimizer=sgd",
        "optimizer.momentum=0.9",
        "optimizer.schedule=cosine",
        "optimizer.warmup_steps=9",
        "model.batch_norm=true",
    ],
    "balanced by losses": ["balancing=uncertainty"],
    "balanced by gradients": ["balancing=gradnorm", "optimizer.lazy=true"],
    "balanced by the means of norms": ["balancing=metabalance"],
    "balanced in random orders": ["balancing=pcgrad"],
}


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize(
    "name",
    [
        "lazy tables, clipped",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in TRAININGS
            if name != "lazy tables, clipped"
        ),
    ],
)
def test_training_goes_on_exactly_after_any_call(name, file, tmp_path):
    few = ["trainer.epochs=2", "trainer.batch_size=64"]  # 26 steps in 8 calls
    configured = chosen(file, *TRAININGS[name], *few)
    assert_goes_on_exactly(configured, tmp_path, [6])


@pytest.mark.slow
def test_streamed_training_goes_on_exactly_after_any_call(file, tmp_path):
    options = [*TRAININGS["lazy tables, clipped"], "trainer.epochs=2"]
    assert_goes_on_exactly(chosen(file, *options, stream=True), tmp_path, [18])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "stream"),
    [(BEST_WEIGHTS, True), (["model.batch_norm=true", "optimizer=adagrad"], False)],
    ids=["streamed, dense", "Adagrad"],
)
def test_further_training_goes_on_exactly(options, stream, file, tmp_path):
    configured = chosen(file, *options, "trainer.epochs=2", stream=stream)
    assert_goes_on_exactly(configured, tmp_path, [18])


@pytest.mark.slow
@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize(
    "options",
    [
        ["model=snr"],
        ["model=snr", "model.snr_noise=row"],
        ["model=mmoe", "model.gate=top_k"],
        ["model=mmoe", "model.gate=dselect_k"],
        ["model=aitm", "model.dropout=0.3"],
        ["model=adatt"],
        ["model=cross_stitch"],
    ],
    ids=" ".join,
)
def test_model_with_noise_or_penalties_goes_on_exactly(options, file, tmp_path):
    small = ["trainer.batch_size=64", "trainer.epochs=2", "trainer.compile=false"]
    usual = chosen(file)
    model = networks.config(*options, *small)
    configured = model.model_copy(update={"dataset": usual.dataset})
    assert_goes_on_exactly(configured, tmp_path, [6])


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("lazy", [False, True], ids=["dense", "lazy"])
def test_starting_point_of_the_penalty_comes_from_the_checkpoint(lazy, file, tmp_path):
    few = ["trainer.epochs=2", "trainer.batch_size=64", "encoder.l2_embedding=0.01"]
    configured = chosen(file, *few, f"optimizer.lazy={lazy}")
    whole, _, calls = trained(configured, tmp_path / "whole", starting_point=1)
    with pytest.raises(CutError):
        trained(configured, tmp_path / "cut", 6, starting_point=1)
    resumed, _, left = trained(configured, tmp_path / "cut", starting_point=0)
    assert 0 < left < calls
    other, _, _ = trained(configured, tmp_path / "other", starting_point=0)
    for a, b in zip(whole, resumed, strict=True):
        np.testing.assert_array_equal(a, b, strict=True)
    assert any((a != b).any() for a, b in zip(whole, other, strict=True))


@pytest.mark.slow
def test_training_that_is_cut_off_often_goes_on_exactly(file, tmp_path):
    # The cuts come before the first checkpoint, between the last steps of an epoch and
    # its checkpoint, just after that checkpoint, and before any call after a cut.
    cuts = [1, 13, 1, 2]
    assert_goes_on_exactly(chosen(file, *BEST_WEIGHTS), tmp_path, cuts)


@pytest.mark.slow
@pytest.mark.parametrize("lazy", [False, True], ids=["dense", "lazy"])
def test_compiled_training_goes_on_exactly(lazy, file, tmp_path):
    options = ["trainer.compile=true", f"optimizer.lazy={lazy}", "model.dropout=0.3"]
    configured = chosen(file, *options, PATIENT)
    assert_goes_on_exactly(configured, tmp_path, [18])


@pytest.mark.slow
def test_early_stopping_goes_on_exactly(file, tmp_path):
    # The tiny learning rate changes no weight, so the first epoch stays the best.
    still = ["optimizer=sgd", "optimizer.learning_rate=1e-30", "trainer.patience=2"]
    configured = chosen(file, *still, "trainer.epochs=9", "optimizer.momentum=0.0")
    whole, history, calls = trained(configured, tmp_path / "whole")
    assert (len(history.epochs), history.kept_epoch) == (3, 1)
    with pytest.raises(CutError):
        trained(configured, tmp_path / "cut", calls)  # in the report of the last epoch
    weights, other, left = trained(configured, tmp_path / "cut")
    assert left == 0
    assert epochs_without_seconds(other) == epochs_without_seconds(history)
    for a, b in zip(weights, whole, strict=True):
        np.testing.assert_array_equal(a, b, strict=True)


@pytest.mark.slow
def test_best_weights_come_back_after_a_worse_epoch_that_was_cut_off(file, tmp_path):
    options = ["optimizer.learning_rate=0.3", "trainer.epochs=6", "trainer.patience=6"]
    configured = chosen(file, *options)
    whole, history, _ = trained(configured, tmp_path / "whole")
    assert history.kept_epoch < 6
    with pytest.raises(CutError):
        trained(configured, tmp_path / "cut", 14 * 5 + 5)  # in the sixth epoch
    weights, other, _ = trained(configured, tmp_path / "cut")
    assert epochs_without_seconds(other) == epochs_without_seconds(history)
    for a, b in zip(weights, whole, strict=True):
        np.testing.assert_array_equal(a, b, strict=True)


def test_new_run_in_a_used_folder_is_a_new_run_of_its_trackers(tmp_path):
    folder = RunFolder(tmp_path)
    folder.begin("")
    names = ["tracked.json", "mlflow.json", "wandb.json", "mine.txt"]
    for name in names:
        (tmp_path / name).write_text("{}")
    (tmp_path / "tensorboard").mkdir()
    (tmp_path / "tensorboard" / "events").write_text("")
    folder.forget_run()
    folder.release()
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


# Checkpoints


def written(folder, count=1):
    """Fills a run folder with checkpoints that hold their own number."""
    run_folder = RunFolder(folder)
    if not run_folder.record:
        run_folder.begin("")
    for i in range(1, count + 1):
        arrays = iter([("x", np.full(50, i, "float32")), ("y", np.array([[i]]))])
        checkpoint.save(run_folder, i, 0, arrays, {"number": i})
    run_folder.release()
    return folder


def test_last_two_checkpoints_are_kept(tmp_path):
    names = [path.name for path in checkpoint_files(written(tmp_path, 5))]
    assert [int(name.split("-")[0]) for name in names] == [5, 4]
    found, damaged = newest_checkpoint(tmp_path)
    assert (found.json_values, damaged) == ({"number": 5}, [])
    with found.open_arrays() as arrays:
        np.testing.assert_array_equal(arrays["x"], np.full(50, 5, "float32"))
        assert arrays["y"].tolist() == [[5]]


def test_file_of_another_name_beside_the_checkpoints_is_left_alone(tmp_path):
    (last,) = checkpoint_files(written(tmp_path))
    copies = [last.with_name(name) for name in ("2-backup.npz", "9.npz")]
    for copy in copies:
        copy.write_bytes(last.read_bytes())
    found, damaged = newest_checkpoint(tmp_path)
    assert (found.path, damaged) == (last, [])
    written(tmp_path, 3)
    assert all(copy.exists() for copy in copies)


def test_steps_count_less_than_epochs_in_the_order_of_checkpoints(tmp_path):
    folder = RunFolder(tmp_path)
    for done in [(9, 700), (10, 0), (10, 64)]:
        checkpoint.save(folder, *done, [], {"done": done})
    folder.release()
    assert newest_checkpoint(tmp_path)[0].json_values == {"done": [10, 64]}
    assert (
        checkpoint.describe_checkpoint(checkpoint_files(tmp_path)[0])
        == "step 64 of epoch 11"
    )
    assert checkpoint.describe_checkpoint(checkpoint_files(tmp_path)[1]) == "epoch 10"


def test_truncated_checkpoint_gives_way_to_the_one_before(tmp_path):
    last, before = checkpoint_files(written(tmp_path, 2))
    content = last.read_bytes()
    for length in [0, 1, 100, len(content) // 2, len(content) - 1]:
        last.write_bytes(content[:length])
        found, damaged = newest_checkpoint(tmp_path)
        assert (found.path, damaged) == (before, [last])
    before.write_bytes(b"")
    assert newest_checkpoint(tmp_path) == (None, [last, before])
    checkpoint.remove_checkpoints_after(None, tmp_path)
    assert checkpoint_files(tmp_path) == []


def test_damaged_checkpoint_takes_no_intact_ones_place(file, tmp_path):
    options = ["trainer.batch_size=64", "trainer.compile=false"]
    trained(chosen(file, *options, "trainer.epochs=1"), tmp_path)
    last, _ = checkpoint_files(tmp_path)
    damaged = last.with_name(last.name.replace("-000000000-", "-000000001-"))
    damaged.write_bytes(b"broken")
    with pytest.raises(CutError):  # after the first checkpoint
        trained(chosen(file, *options, "trainer.epochs=2"), tmp_path, cut=2)
    files = checkpoint_files(tmp_path)
    assert (len(files), files[1]) == (2, last)
    assert all(checkpoint.read_intact(path) for path in files)


def test_flipped_bit_anywhere_is_noticed_or_changes_nothing(tmp_path):
    (path,) = checkpoint_files(written(tmp_path))
    content = path.read_bytes()
    harmless = 0
    for i in range(len(content)):
        flipped = bytearray(content)
        flipped[i] ^= 1 << i % 8
        path.write_bytes(flipped)
        if newest_checkpoint(tmp_path)[0] is None:
            continue
        harmless += 1
        with newest_checkpoint(tmp_path)[0].open_arrays() as arrays:
            np.testing.assert_array_equal(arrays["x"], np.full(50, 1, "float32"))
            np.testing.assert_array_equal(arrays["y"], np.array([[1]]))
    assert harmless < len(content) / 4  # times, versions, attributes


def test_no_checkpoint_needs_pickle(tmp_path):
    folder = RunFolder(tmp_path)
    with pytest.raises(ValueError, match="Object arrays"):
        checkpoint.save(folder, 1, 0, [("x", np.array([{}]))], {})
    folder.release()
    assert checkpoint_files(tmp_path) == []


# Where a command runs


def placed(configured, path, status, **record):
    """Fills a run folder with a status, and frees its lock."""
    folder = RunFolder(path)
    folder.begin(config_hash(configured))
    (path / "environment.json").write_text(
        json.dumps({"data_hash": hash_rows(configured.dataset)} | record)
    )
    if status != "running":
        folder.finish(status)
    folder.lock.close()
    return path


def assert_goes_on(configured, run, status):
    """Asserts that a command resumes a run in its folder, or finds it done."""
    start = resume.choose_start(configured, run, False)
    assert (start is None) == (status == "done")
    if start is not None:
        start.run_folder.release()


def test_empty_folder_starts_whatever_resume_says_but_must(file, tmp_path):
    for word in ("auto", "never"):
        start = resume.choose_start(
            chosen(file, f"resume={word}"), tmp_path / word, False
        )
        assert (start.checkpoint, start.message) == (None, "")
        start.run_folder.release()
    with pytest.raises(
        ConfigError, match="resume: 'must' needs an unfinished run, but no run"
    ):
        resume.choose_start(chosen(file, "resume=must"), tmp_path / "must", False)
    assert files(tmp_path / "must") == set()


@pytest.mark.parametrize("status", ["running", "failed", "interrupted"])
def test_named_folder_with_an_unfinished_run_goes_on(status, file, tmp_path):
    placed(chosen(file), written(tmp_path / "run", 2), status)
    for word in ("auto", "must"):
        configured = chosen(file, f"resume={word}", "trainer.profile=true")
        start = resume.choose_start(configured, tmp_path / "run", False)
        assert start.checkpoint.json_values == {"number": 2}
        assert "after epoch 2 of the unfinished run" in start.message
        start.run_folder.release()


def test_damage_is_told_and_must_refuses_without_an_intact_checkpoint(file, tmp_path):
    run = placed(chosen(file), written(tmp_path / "run", 2), "running")
    last, before = checkpoint_files(run)
    last.write_bytes(b"")
    start = resume.choose_start(chosen(file), run, False)
    assert (start.checkpoint.json_values, start.damaged) == ({"number": 1}, (last,))
    start.run_folder.release()
    before.write_bytes(b"")
    with pytest.raises(ConfigError, match="holds no intact checkpoint"):
        resume.choose_start(chosen(file, "resume=must"), run, False)
    start = resume.choose_start(chosen(file), run, False)
    assert (start.checkpoint, start.damaged) == (None, (last, before))
    assert "again: it has no intact checkpoint" in start.message
    start.run_folder.release()


def test_finished_run_is_not_run_again(file, tmp_path, capsys):
    run = placed(chosen(file), tmp_path / "run", "done")
    scores = {"valid": {"click": {"auc": 0.75, "rows": 10, "positives": 5}}}
    (run / "metrics.json").write_text(json.dumps(scores))
    before = files(run)
    assert resume.choose_start(chosen(file), run, False) is None
    configured = chosen(file, "tasks=[click]")
    execution.report_finished(configured, run)
    out = capsys.readouterr().out
    assert "it is not run again" in out.splitlines()[0]
    assert "0.7500" in out
    assert files(run) == before


def test_check_of_the_data_is_run_again(file, tmp_path):
    check = chosen(file, "check_only=true")
    run = placed(check, tmp_path / "run", "done")
    (run / "environment.json").unlink()  # a check of the data writes no such file
    start = resume.choose_start(check, run, False)
    assert start.checkpoint is None
    start.run_folder.release()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "null",
        '{"test": 3}',
        '{"valid": []}',
        '{"valid": {}}',
        '{"valid": {"click": {}}}',
        '{"valid": {"click": {"auc": "0.9"}}}',
        '{"valid": {"click": {"auc": NaN}}}',
    ],
)
def test_damaged_scores_of_a_finished_run_are_told_in_one_line(text, file, tmp_path):
    run = placed(chosen(file), tmp_path / "run", "done")
    (run / "metrics.json").write_text(text)
    with pytest.raises(
        DataError, match=r"metrics.json is damaged; remove the folder .*run and repeat"
    ):
        execution.report_finished(chosen(file, "tasks=[click]"), run)


def test_other_configuration_is_refused_and_the_differing_key_named(file, tmp_path):
    for status in ("running", "failed", "done"):
        run = placed(chosen(file), written(tmp_path / status, 1), status)
        composed = chosen(file).model_dump(mode="json")
        (run / "config.yaml").write_text(json.dumps(composed | {"hydra": {"run": {}}}))
        before = files(run)
        with pytest.raises(ConfigError, match="holds a run already") as raised:
            resume.choose_start(chosen(file, "trainer.epochs=7", "seed=4"), run, False)
        differences = "already: seed was 1, is 4; trainer.epochs was 3, is 7; name"
        assert differences in str(raised.value)
        assert files(run) == before


@pytest.mark.parametrize("part", ["features", "tasks"])
def test_feature_or_task_that_was_removed_is_named(part, file, tmp_path):
    configured = chosen(file)
    before = configured.model_dump(mode="json")
    before["dataset"][part]["removed"] = next(iter(before["dataset"][part].values()))
    run = placed(type(configured).model_validate(before), tmp_path / "run", "done")
    (run / "config.yaml").write_text(json.dumps(before))
    with pytest.raises(ConfigError, match=rf"dataset.{part}.removed.kind was .*, is N"):
        resume.choose_start(configured, run, False)


@pytest.mark.parametrize("text", ["a: [", "[]", "", "a: b", "a: ${", "5"])
def test_other_configuration_is_refused_though_the_saved_one_is_damaged(
    text, file, tmp_path
):
    run = placed(chosen(file), tmp_path / "run", "done")
    (run / "config.yaml").write_text(text)
    with pytest.raises(ConfigError, match="already: the run's config"):
        resume.choose_start(chosen(file, "seed=4"), run, False)


def test_other_data_is_refused(file, tmp_path):
    run = written(tmp_path / "run", 1)
    placed(chosen(file), run, "failed", data_hash="another")
    with pytest.raises(ConfigError, match="already: the data has changed since"):
        resume.choose_start(chosen(file), run, False)


@pytest.mark.parametrize("status", ["running", "done"])
def test_changed_plugin_is_refused(status, file, tmp_path):
    plugin = tmp_path / "plugin" / "models" / "twin.py"
    plugin.parent.mkdir(parents=True)
    code = "from mtl_cli.models.shared_bottom import SharedBottom\n\n\n"
    code += "class Twin(SharedBottom):\n    pass\n"
    plugin.write_text(code)
    plugins.use_folders([tmp_path / "plugin"])
    try:
        configured = chosen(file, "model.name=twin")
        code_hashes = plugin_hashes(configured)
        assert list(code_hashes) == ["models.twin"]
        run = placed(configured, written(tmp_path / "run", 1), status)
        record = {"data_hash": hash_rows(configured.dataset), "plugins": code_hashes}
        (run / "environment.json").write_text(json.dumps(record))
        (tmp_path / "plugin" / ".tool").mkdir()
        (tmp_path / "plugin" / ".tool" / "other.py").write_text("x = 1\n")
        assert_goes_on(configured, run, status)
        plugin.write_text(code + "    number = 2\n")
        changed = "already: the code of the plugin of models.twin has changed since"
        with pytest.raises(ConfigError, match=changed):
            resume.choose_start(configured, run, False)
        assert resume.start_beside(configured, tmp_path / "new") is None
    finally:
        plugins.use_folders([])


@pytest.mark.parametrize("status", ["running", "done"])
@pytest.mark.parametrize("name", ["vectors.npy", "ids.txt"])
def test_changed_pretrained_vectors_are_refused(status, name, file, tmp_path):
    paths = {key.split(".")[0]: tmp_path / key for key in ("vectors.npy", "ids.txt")}
    np.save(paths["vectors"], np.zeros((2, 4), "float32"))
    paths["ids"].write_text("1\n2\n")
    keys = {"pretrained": {key: str(path) for key, path in paths.items()}}
    user = FEATURES["user"] | keys
    configured = config(values(file, FEATURES | {"user": user}, TASKS))
    hashes = file_hashes(configured)
    run = placed(configured, written(tmp_path / "run", 1), status, pretrained=hashes)
    unrecorded = placed(configured, written(tmp_path / "unrecorded", 1), status)
    assert_goes_on(configured, run, status)
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes() + b"3")
    changed = f"the pretrained vectors have changed since this run began: .*{name};"
    with pytest.raises(ConfigError, match=changed):
        resume.choose_start(configured, run, False)
    assert_goes_on(configured, unrecorded, status)


@pytest.mark.parametrize("status", ["running", "done"])
def test_run_is_refused_if_its_earlier_run_was_trained_again(status, file, tmp_path):
    checksums = tmp_path / "day1" / "model" / "SHA256SUMS"
    checksums.parent.mkdir(parents=True)
    checksums.write_text("1  model.weights.h5\n")
    configured = chosen(file, f"start_from.run={tmp_path / 'day1'}")
    lineage = {"run": "day1", "model_hash": model_hash(tmp_path / "day1")}
    day2 = written(tmp_path / "day2", 1)
    run = placed(configured, day2, status, start_from=lineage)
    assert_goes_on(configured, run, status)
    checksums.write_text("2  model.weights.h5\n")
    with pytest.raises(ConfigError, match="day1 holds another model than when this"):
        resume.choose_start(configured, run, False)
    assert resume.start_beside(configured, tmp_path / "new") is None
    checksums.unlink()  # the earlier run has been removed
    assert_goes_on(configured, run, status)


def test_never_refuses_a_folder_that_holds_a_run(file, tmp_path):
    for status in ("running", "failed", "done"):
        run = placed(chosen(file), written(tmp_path / status, 1), status)
        with pytest.raises(ConfigError, match="holds a run already; name another"):
            resume.choose_start(chosen(file, "resume=never"), run, False)


@pytest.mark.parametrize("status", ["failed", "interrupted"])
@pytest.mark.parametrize("change", ["seed=4", "resume=never", "resume=must"])
def test_run_that_ended_before_its_first_checkpoint_gives_way(
    status, change, file, tmp_path
):
    run = placed(chosen(file), tmp_path / "run", status)
    (run / "config.yaml").write_text("seed: 1")
    (run / "notes.txt").write_text("a user's file")
    if change == "resume=must":
        with pytest.raises(ConfigError, match="but no run of this configuration"):
            resume.choose_start(chosen(file, change, "seed=4"), run, False)
        assert status_of(run)["status"] == status
        return
    start = resume.choose_start(chosen(file, change), run, False)
    assert (start.checkpoint, start.message) == (None, "")
    assert start.run_folder.record == {}
    start.run_folder.release()
    assert files(run) == {"notes.txt"}


def test_folder_that_another_process_holds_is_refused(file, tmp_path):
    first = resume.choose_start(chosen(file), tmp_path / "run", False)
    with pytest.raises(ConfigError, match="another process is running in "):
        resume.choose_start(chosen(file), tmp_path / "run", False)
    first.run_folder.release()
    resume.choose_start(chosen(file), tmp_path / "run", False).run_folder.release()


def test_seconds_are_those_of_all_starts_and_unknown_after_a_kill(
    tmp_path, monkeypatch
):
    clock = iter([0.0, 10.0, 15.0, 100.0, 200.0, 207.0, 0.0, 1.0, 0.0, 5.0, 9.0])
    monkeypatch.setattr("mtl_cli.core.run_folder.time.monotonic", lambda: next(clock))
    for status, seconds in [("interrupted", 5.0), ("done", 12.0), ("", None)]:
        folder = RunFolder(tmp_path / "run")
        folder.begin("")
        if status:
            folder.finish(status)
            assert status_of(tmp_path / "run")["seconds"] == seconds
        folder.release()
    folder = RunFolder(tmp_path / "run")
    folder.begin("")
    folder.finish("done")
    folder.release()
    assert status_of(tmp_path / "run")["seconds"] is None


def test_run_that_ends_while_it_is_looked_at_is_not_gone_on_with(
    file, tmp_path, monkeypatch
):
    configured = chosen(file)
    placed(configured, written(tmp_path / "old", 1), "interrupted")

    def held(path):
        folder = RunFolder(path)
        if path.name == "old":
            folder.record["status"] = "done"
        return folder

    monkeypatch.setattr(resume, "RunFolder", held)
    start = resume.choose_start(configured, tmp_path / "new", True)
    assert (start.run_folder.path, start.message) == (tmp_path / "new", "")
    start.run_folder.release()


def test_run_that_ends_before_its_folder_is_locked_is_not_run_again(
    file, tmp_path, monkeypatch
):
    configured = chosen(file)
    run = placed(configured, written(tmp_path / "run", 1), "interrupted")

    def held(path):
        folder = RunFolder(path)
        folder.record["status"] = "done"
        return folder

    monkeypatch.setattr(resume, "RunFolder", held)
    assert resume.choose_start(configured, run, False) is None
    RunFolder(run).release()  # the lock is free


def test_new_folder_gives_way_to_the_newest_run_that_was_cut_off(file, tmp_path):
    configured = chosen(file)
    for i, status in enumerate(["interrupted", "running", "failed", "done"]):
        placed(configured, written(tmp_path / f"{i}", 1), status)
        record = status_of(tmp_path / f"{i}") | {"start": f"2030-01-0{i + 1}"}
        (tmp_path / f"{i}" / "status.json").write_text(json.dumps(record))
    placed(chosen(file, "seed=9"), tmp_path / "other", "interrupted")
    placed(configured, tmp_path / "changed", "interrupted", data_hash="another")
    (tmp_path / "stray").write_text("")
    start = resume.choose_start(configured, tmp_path / "new", True)
    assert start.run_folder.path == tmp_path / "1"
    assert "resume=never starts a new run" in start.message
    # While the newest run is resumed, the run before it is the newest that is free.
    second = resume.choose_start(configured, tmp_path / "new", True)
    assert second.run_folder.path == tmp_path / "0"
    third = resume.choose_start(configured, tmp_path / "new", True)
    assert (third.run_folder.path, third.message) == (tmp_path / "new", "")
    anew = resume.choose_start(chosen(file, "resume=never"), tmp_path / "newer", True)
    assert anew.run_folder.path == tmp_path / "newer"
    with pytest.raises(
        ConfigError, match="resume: 'must' needs an unfinished run, but no run"
    ):
        resume.choose_start(chosen(file, "resume=must"), tmp_path / "newest", True)
    for run_start in (start, second, third, anew):
        run_start.run_folder.release()


def test_run_that_was_cut_off_before_its_first_checkpoint_starts_again(file, tmp_path):
    placed(chosen(file), tmp_path / "old", "interrupted")
    start = resume.choose_start(chosen(file), tmp_path / "new", True)
    assert start.message == (
        f"starting the unfinished run in {tmp_path / 'old'} again: it has no intact "
        "checkpoint; resume=never starts a new run"
    )
    start.run_folder.release()


def test_lock_is_free_after_an_error(file, tmp_path, monkeypatch):
    run = placed(chosen(file), written(tmp_path / "run", 1), "interrupted")

    def fail(_):
        raise DataError("cannot read the rows")

    with monkeypatch.context() as patch:
        patch.setattr(resume, "newest_checkpoint", fail)
        with pytest.raises(DataError):
            resume.choose_start(chosen(file), run, False)
    resume.choose_start(chosen(file), run, False).run_folder.release()


def test_hash_of_a_configuration_leaves_out_what_cannot_change_a_number(file):
    first = config_hash(chosen(file))
    neutral = ["resume=must", "trainer.profile=true", "trainer.checkpoint_minutes=3"]
    assert config_hash(chosen(file, *neutral)) == first
    for key in ("seed=2", "trainer.epochs=4", "check_only=true", "model.dropout=0.1"):
        assert config_hash(chosen(file, key)) != first


# The command


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder of a run that was not interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    ended = mtl_train(folder, *SMALL, "hydra.run.dir=run")
    assert ended.returncode == 0, ended.stderr
    assert not any("checkpoint" in name or ".lock" in name for name in files(folder))
    return folder / "run"


RARELY_SAVED = [*SMALL, "trainer.checkpoint_minutes=null"]


def in_training(folder):
    """The only run in a folder's `outputs`, once it is in its second epoch."""
    runs = list((folder / "outputs" / "runs").glob("*"))
    return runs[0] if runs and has_logged(runs[0], "epoch 1/") else None


def assert_stopped(folder, sent, code, word):
    """Stops a run by a signal in its second epoch; returns its folder."""
    with running(folder, *RARELY_SAVED) as process:
        assert wait_for(process, lambda: in_training(folder))
        time.sleep(0.05)
        process.send_signal(sent)
        _, err = process.communicate(timeout=60)
    assert process.returncode == code
    (run,) = (folder / "outputs" / "runs").iterdir()
    assert err.count("\n") == 1
    assert f"error: {word}; the training up to " in err
    # The signal itself led to a checkpoint, after the checkpoint of the first epoch.
    assert not newest_checkpoint(run)[0].path.name.startswith(
        "0000001-epochs-000000000"
    )
    safe = os.path.relpath(newest_checkpoint(run)[0].path, folder)
    assert f"is saved in {safe}; to go on: mtl-train {SMALL[0]} " in err
    assert status_of(run)["status"] == "interrupted"
    return run


@pytest.mark.slow
def test_run_stopped_by_sigterm_says_what_is_safe(tmp_path):
    assert_stopped(tmp_path, signal.SIGTERM, 143, "stopped by SIGTERM")


@pytest.mark.slow
def test_run_whose_terminal_closes_saves_and_goes_on(tmp_path):
    with on_terminal(tmp_path, *RARELY_SAVED) as terminal:
        assert wait_for(terminal.process, lambda: in_training(tmp_path))
        assert terminal.close() == 129
    (run,) = (tmp_path / "outputs" / "runs").iterdir()
    assert status_of(run)["status"] == "interrupted"
    assert "Stopped: stopped by SIGHUP" in (run / "train.log").read_text("utf-8")
    ended = mtl_train(tmp_path, *RARELY_SAVED)
    assert ended.stdout.startswith("going on after ")
    assert status_of(run)["status"] == "done"


def assert_goes_on_after_ctrl_c(tmp_path):
    """Interrupts a run, gives its command again, and returns its folder."""
    run = assert_stopped(tmp_path, signal.SIGINT, 130, "interrupted")
    ended = mtl_train(tmp_path, *RARELY_SAVED)
    assert ended.returncode == 0, ended.stderr
    first = ended.stdout.splitlines()[0]
    assert first.startswith("going on after ")
    assert f"run in outputs/runs/{run.name}; resume=never starts a new run" in first
    assert list((tmp_path / "outputs" / "runs").iterdir()) == [run]
    return run


@pytest.mark.slow
def test_run_that_went_on_after_ctrl_c_is_as_a_whole_one(whole, tmp_path):
    run = assert_goes_on_after_ctrl_c(tmp_path)
    assert status_of(run)["status"] == "done"
    assert_same_run(run, whole)


@pytest.mark.slow
def test_killed_run_goes_on_in_its_folder_and_ends_once(whole, tmp_path):
    command = [*SMALL, "hydra.run.dir=run"]
    with running(tmp_path, *command) as process:
        assert wait_for(process, lambda: has_logged(tmp_path / "run", "epoch 2/"))
    assert status_of(tmp_path / "run")["status"] == "running"
    ended = mtl_train(tmp_path, *command)
    assert ended.returncode == 0, ended.stderr
    assert_same_run(tmp_path / "run", whole)
    assert files(tmp_path / "run") == files(whole)
    again = mtl_train(tmp_path, *command)
    assert (again.returncode, again.stderr) == (0, "")
    assert "run holds this run, done at " in again.stdout
    assert "test rows" in again.stdout


def test_second_ctrl_c_ends_at_once():
    code = (
        "import signal; from mtl_cli.core import signals\n"
        # A test in the background ignores Ctrl-C, and its children inherit that.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "signals.install()\n"
        "signals.REPEAT_SECONDS = 0\n"
        "try:\n"
        "    with signals.deferred():\n"
        "        signal.raise_signal(signal.SIGINT)\n"
        "        print('goes on', bool(signals.pending()))\n"
        "        signal.raise_signal(signal.SIGINT)\n"
        "        print('not reached')\n"
        "except signals.Stopped as stop: print(stop, stop.code)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert ended.stdout.splitlines() == ["goes on True", "interrupted 130"]
