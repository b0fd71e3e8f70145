"""Files of a run survive full disks, read-only folders and vanishing folders."""

import contextlib
import errno
import json
import os
import shutil
import subprocess

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
from helpers.commands import mtl_train, running, wait_for
from helpers.interrupted_runs import SMALL, files, has_logged
from helpers.planted_data import config, parquet, run_in, values
from helpers.slow import slow_except

from mtl_cli.core import atomic_write
from mtl_cli.core.errors import ConfigError, WriteError
from mtl_cli.core.run_folder import RunFolder
from mtl_cli.core.run_status import status_of
from mtl_cli.data.load import load
from mtl_cli.network.build import build
from mtl_cli.runs.console import Console
from mtl_cli.runs.saved_model import save
from mtl_cli.runs.table_writer import WRITERS, opened_target
from mtl_cli.training import checkpoint
from mtl_cli.training.checkpoint import checkpoint_files, newest_checkpoint, read_intact

FULL = "No space left on device"


@pytest.fixture
def disk(tmp_path):
    """Returns a function that mounts a small disk; unmounts the disks at the end."""
    folders = []

    def mount(kilobytes):
        if shutil.which("mount") is None or os.geteuid() != 0:
            pytest.skip("only root may mount a small disk")
        folder = tmp_path / f"disk{len(folders)}"
        folder.mkdir()
        size = f"size={kilobytes}k"
        command = ["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(folder)]
        completed = subprocess.run(command, capture_output=True, text=True, check=False)
        if completed.returncode:
            pytest.skip(
                f"no small disk can be mounted here: {completed.stderr.strip()}"
            )
        folders.append(folder)
        return folder

    yield mount
    for folder in folders:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def remount(folder, option):
    subprocess.run(["mount", "-o", f"remount,{option}", str(folder)], check=True)


def assert_readable(run):
    """Asserts that every file in a run's folder is whole."""
    for name in files(run):
        path = run / name
        assert not path.name.startswith(".tmp-"), name
        if path.suffix == ".json":
            json.loads(path.read_text("utf-8"))
        elif path.suffix == ".npz":
            assert read_intact(path) is not None, name
        elif path.suffix == ".parquet":
            pyarrow.parquet.read_table(path)
        elif path.suffix == ".csv":
            pd.read_csv(path)


FEATURES = {"shop": {"kind": "sparse"}}
TASKS = {"buy": {"label": "buy", "kind": "binary"}}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A configuration whose run takes a second."""
    rows = {"shop": [i % 7 for i in range(300)], "buy": [i % 2 for i in range(300)]}
    path = parquet(tmp_path_factory.mktemp("rows"), rows)
    shares = {"valid_fraction": 0.2, "test_fraction": 0.2}
    return config(values(path, FEATURES, TASKS, **shares))


WRITTEN = [
    "data_report.json",
    "environment.json",
    "checkpoints/0000001-epochs-000000000-steps.npz",
    "model/model.weights.h5",
    "model/learnt.json",
    "model/spec.json",
    "model/SHA256SUMS",
    "metrics.json",
    "history.csv",
    "predictions.parquet",
    "plots/learning_curves.png",
    "report.html",
]


@pytest.mark.slow
@pytest.mark.parametrize("name", slow_except(WRITTEN[::3], WRITTEN))
def test_file_that_does_not_fit_is_named_and_not_left_in_part(
    name, tiny, tmp_path, monkeypatch
):
    sync = atomic_write.sync

    def full(path):
        if path.name == f".tmp-{os.getpid()}-{name.rpartition('/')[2]}":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        sync(path)

    monkeypatch.setattr(atomic_write, "sync", full)
    run = tmp_path / "run"
    with pytest.raises(WriteError) as raised:
        run_in(run, tiny)
    assert str(raised.value).startswith(f"cannot write {run / name}: {FULL}; ")
    assert not (run / name).exists()
    assert_readable(run)
    before = [other for other in WRITTEN[: WRITTEN.index(name)] if "check" not in other]
    assert set(before) <= files(run)


def test_file_is_replaced_whole_or_stays_as_it_was(tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.write_text("a.txt", "before")
    with pytest.raises(ZeroDivisionError), folder.replacing("a.txt") as path:
        path.write_text("half of what com")
        raise ZeroDivisionError
    assert (tmp_path / "run" / "a.txt").read_text() == "before"
    assert files(tmp_path / "run") == {".lock", "a.txt"}
    folder.release()


def test_folder_that_became_a_file_is_an_error_that_names_the_target(tmp_path):
    folder = RunFolder(tmp_path / "run")
    (tmp_path / "run").rename(tmp_path / "moved")
    (tmp_path / "run").write_text("in the way")
    with pytest.raises(
        WriteError, match=r"cannot write .*run/a\.txt: Not a directory;"
    ):
        folder.write_text("a.txt", "x")
    folder.release()


def test_copy_of_a_file_to_itself_is_told_in_one_line(tmp_path):
    file = tmp_path / "copy"
    file.touch()
    with (
        pytest.raises(WriteError) as raised,
        atomic_write.named_write_errors(file, "name another file"),
    ):
        shutil.copyfile(file, file)
    assert str(raised.value).startswith(f"cannot write {file}: ")
    assert str(raised.value).endswith(" are the same file; name another file")


def test_two_writers_of_one_file_each_write_it_whole(tmp_path, monkeypatch):
    target = tmp_path / "a.txt"
    with atomic_write.replacing(target) as first:
        first.write_text("first")
        monkeypatch.setattr(os, "getpid", lambda: 1)  # the other writer
        with atomic_write.replacing(target) as second:
            second.write_text("second")
        assert target.read_text() == "second"
    assert target.read_text() == "first"
    assert files(tmp_path) == {"a.txt"}


def test_file_and_the_name_of_it_reach_the_disk_in_this_order(tmp_path, monkeypatch):
    folder = RunFolder(tmp_path / "run")
    synced = []
    fsync = os.fsync

    def watched(descriptor):
        synced.append((os.readlink(f"/proc/self/fd/{descriptor}"), files(folder.path)))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", watched)
    folder.write_text("model/a.txt", "x")
    (file, before), (parent, after) = synced
    assert file.endswith(f"run/model/.tmp-{os.getpid()}-a.txt")
    assert parent.endswith("run/model")
    assert "model/a.txt" in after - before
    folder.release()


def test_what_a_killed_process_left_in_part_is_removed(tmp_path):
    folder = RunFolder(tmp_path)
    folder.begin("hash")
    folder.release()
    checkpoints = tmp_path / "checkpoints"
    checkpoints.mkdir()
    (checkpoints / ".tmp-0000001-epochs-000000000-steps.npz").write_bytes(b"PK")
    assert newest_checkpoint(tmp_path) == (None, [])
    folder = RunFolder(tmp_path)
    folder.begin("hash")
    assert files(tmp_path) == {".lock", "status.json"}
    folder.release()


# A real small disk


# Keras asks NumPy 2 for an array without a copy as NumPy deprecates.
@pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning")
def test_hdf5_on_a_full_disk_is_one_error_that_names_the_file(disk, tiny, capfd):
    # HDF5's own writing to a full disk ends the process with a segmentation fault.
    run = disk(48) / "run"
    data = load(tiny.dataset, tiny.outputs)
    network = build(
        config(tiny.model_dump(mode="json")["dataset"]), data.features.layout
    )
    folder = RunFolder(run)
    with pytest.raises(WriteError, match=rf"model.weights.h5: {FULL}"):
        for _ in range(40):
            save(folder, network, {}, data.features)
            with contextlib.suppress(OSError):
                (run / f"filler{len(files(run))}").write_bytes(b"x" * 4096)
    folder.release()
    assert capfd.readouterr().err == ""


def test_checkpoint_that_does_not_fit_leaves_those_before_it(disk):
    folder = RunFolder(disk(100) / "run")
    sizes = iter([1000, 2000, 100_000])
    with pytest.raises(WriteError, match=FULL):
        for i in range(3):
            checkpoint.save(folder, i, 0, [("x", np.zeros(next(sizes)))], {})
    folder.release()
    assert len(checkpoint_files(folder.path)) == 2
    assert_readable(folder.path)
    assert not any(".tmp-" in name for name in files(folder.path))


def test_log_that_cannot_be_written_is_one_error_and_closes_quietly(disk):
    small = disk(8)
    console = Console(small / "train.log")
    with pytest.raises(WriteError, match=rf"cannot write .*train.log: {FULL}"):
        for _ in range(100):
            console.log_line("x" * 1000)
    console.close()


# The command


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kilobytes", "name", "status"),
    [(8, "config.yaml", "running"), (100, "checkpoints/", "failed")],
)
def test_full_disk_ends_the_command_in_one_line_and_room_lets_it_go_on(
    kilobytes, name, status, disk, tmp_path
):
    small = disk(kilobytes)
    command = [*SMALL, "trainer.epochs=1", f"hydra.run.dir={small}/run"]
    ended = mtl_train(tmp_path, *command)
    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1), ended.stderr
    assert f"error: cannot write {small}/run/{name}" in ended.stderr
    assert FULL in ended.stderr
    assert_readable(small / "run")
    assert status_of(small / "run")["status"] == status
    remount(small, "size=20m")
    again = mtl_train(tmp_path, *command)
    assert again.returncode == 0, again.stderr
    assert "unfinished run in " in again.stdout.splitlines()[0]
    assert status_of(small / "run")["status"] == "done"
    assert_readable(small / "run")


@pytest.mark.slow
def test_read_only_disk_is_refused_before_anything_is_read(disk, tmp_path):
    small = disk(100)
    (small / "run").mkdir()
    remount(small, "ro")
    for folder in (small / "run", small / "new"):
        ended = mtl_train(tmp_path, *SMALL, f"hydra.run.dir={folder}")
        assert (ended.returncode, ended.stdout) == (2, "")
        assert ended.stderr.count("\n") == 1
        assert str(folder) in ended.stderr
        assert "Read-only file system" in ended.stderr


@pytest.mark.slow
def test_folder_that_vanishes_ends_the_run_in_one_line(tmp_path):
    run = tmp_path / "run"
    with running(tmp_path, *SMALL, "hydra.run.dir=run") as process:
        assert wait_for(process, lambda: has_logged(run, "epoch 1/"))
        run.rename(tmp_path / "gone")
        shutil.rmtree(tmp_path / "gone")
        _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert err.count("\n") == 1
    assert f"cannot write {run}/checkpoints/" in err
    assert "No such file or directory" in err
    assert not run.exists()


def test_folder_of_another_run_of_the_same_name_is_left_alone(tmp_path):
    first = RunFolder(tmp_path / "run")
    first.write_text("train.log", "first")
    shutil.rmtree(tmp_path / "run")
    second = RunFolder(tmp_path / "run")
    with pytest.raises(WriteError, match=r"run/\.lock of this run has been removed"):
        first.write_text("train.log", "first")
    first.release()
    second.write_text("train.log", "second")
    assert (tmp_path / "run" / "train.log").read_text() == "second"
    with pytest.raises(ConfigError, match="another process is running"):
        RunFolder(tmp_path / "run")
    second.release()


@pytest.mark.slow
def test_second_process_in_a_folder_is_refused_and_the_first_goes_on(tmp_path):
    run = tmp_path / "run"
    command = [*SMALL, "hydra.run.dir=run"]
    with running(tmp_path, *command) as process:
        assert wait_for(process, lambda: has_logged(run, "parameters"))
        second = mtl_train(tmp_path, *command)
        assert (second.returncode, second.stderr.count("\n")) == (2, 1)
        assert f"hydra.run.dir: another process is running in {run}" in second.stderr
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert status_of(run)["status"] == "done"


def test_status_that_cannot_be_read_is_refused(tmp_path):
    (tmp_path / "status.json").write_text("{")
    with pytest.raises(ConfigError, match=r"cannot read .*status.json"):
        status_of(tmp_path)


@pytest.fixture
def not_utf8(tmp_path):
    """A folder whose name is not UTF-8: so Python reads `Größe` in the locale C."""
    folder = tmp_path / os.fsdecode(b"Gr\xf6\xdfe")
    folder.mkdir()
    return folder


@pytest.mark.parametrize("ending", slow_except([".parquet"], WRITERS))
def test_predictions_are_written_to_a_folder_that_is_not_utf8(ending, not_utf8):
    with opened_target(str(not_utf8 / f"out{ending}")) as writer:
        writer.write(pa.table({"x": [1]}))
    assert os.listdir(not_utf8) == [f"out{ending}"]


@pytest.mark.slow
def test_run_in_a_folder_that_is_not_utf8_writes_all_its_files(tiny, not_utf8):
    run_in(not_utf8 / "run", tiny, plots=True)
    names = set(os.listdir(not_utf8 / "run"))
    assert {"predictions.parquet", "report.html", "plots", "model"} <= names
