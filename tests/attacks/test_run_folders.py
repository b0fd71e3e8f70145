"""Links and devices in a folder of somebody else lead nowhere.

A run writes into its folder and removes files from it. If a name in the folder is a
link, the file that the link names must keep its content.
"""

import itertools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from helpers.commands import mtl_train, refused
from helpers.crafted_files import TASKS, dataset, write
from helpers.planted_data import parquet, values
from helpers.slow import slow_except

from mtl_cli.cli import init
from mtl_cli.core.errors import ConfigError, DataError
from mtl_cli.core.run_folder import RunFolder, check_run_folder
from mtl_cli.runs.build_network import warn_of_changes
from mtl_cli.training.checkpoint import Checkpoint

PRECIOUS = "precious\n"
RECORD = {"status": "interrupted", "start": "2026-11-25T10:00:00", "config_hash": "x"}
QUICK = ["trainer.patience=null", "trainer.epochs=1", "trainer.compile=false"]
RUN_HERE = ["dataset=mine", *QUICK, "hydra.run.dir=run"]
SWEEP_HERE = ["-m", "dataset=mine", *QUICK, "seed=1,2", "hydra.sweep.dir=sweep"]


@pytest.fixture
def folder(tmp_path):
    """A folder to start in, with a data set and a folder of precious files beside."""
    start = tmp_path / "start"
    columns = {"city": ["a", "b"] * 32, "buy": [0, 0, 1, 1] * 16}
    start.mkdir()
    train = parquet(start, columns)
    features = {"city": {"kind": "sparse"}}
    write(start, dataset(yaml.safe_dump(values(train, features, TASKS))))
    write(tmp_path, {"precious/1-epochs-0-steps.npz": PRECIOUS, "file": PRECIOUS})
    return start


def assert_refused(folder, arguments, *expected):
    code, out, err, _ = refused(folder, *arguments)
    assert code == 2, (out, err)
    assert err.startswith("mtl-train: error: ") and err.count("\n") == 1
    for text in expected:
        assert text in err
    precious = folder.parent / "precious"
    assert [p.name for p in precious.iterdir()] == ["1-epochs-0-steps.npz"]
    assert next(precious.iterdir()).read_text() == PRECIOUS
    assert (folder.parent / "file").read_text() == PRECIOUS


FILES = (
    *("status.json", ".lock", "train.log", "config.yaml", "report.html"),
    *("model/spec.json", "plots/roc.png", "checkpoints/1-epochs-0-steps.npz"),
    *(".tmp-status.json", "model/.tmp-model.weights.h5"),
)


@pytest.mark.parametrize(
    ("name", "holds_run"),
    slow_except(
        [("status.json", False), ("checkpoints", True)],
        itertools.product([*FILES, "model", "plots", "checkpoints"], [True, False]),
    ),
)
def test_link_in_a_run_folder_is_refused(name, holds_run, folder):
    run = folder / "run"
    (run / name).parent.mkdir(parents=True)
    if holds_run and name != "status.json":
        (run / "status.json").write_text(json.dumps(RECORD))
    (run / name).symlink_to(folder.parent / ("file" if "." in name else "precious"))
    assert_refused(folder, RUN_HERE, "hydra.run.dir: ", f"run/{name} is a link")


@pytest.mark.parametrize(
    "name",
    slow_except(
        [".jobs", "leaderboard.csv"],
        [".lock", ".jobs", ".jobs/1.json", "multirun.yaml", "leaderboard.csv"],
    ),
)
def test_link_in_a_sweep_folder_is_refused(name, folder):
    sweep = folder / "sweep"
    (sweep / name).parent.mkdir(parents=True)
    target = "precious" if name == ".jobs" else "file"
    (sweep / name).symlink_to(folder.parent / target)
    assert_refused(folder, SWEEP_HERE, "hydra.sweep.dir: ", f"sweep/{name} is a link")


def test_link_to_a_job_folder_is_refused(folder):
    (folder / "sweep").mkdir()
    (folder / "sweep" / "seed=1").symlink_to(folder.parent / "precious")
    assert_refused(folder, SWEEP_HERE, "sweep/seed=1 is a link")


@pytest.mark.slow
def test_unfinished_run_behind_a_link_is_not_resumed(folder):
    elsewhere = folder.parent / "elsewhere"
    completed = mtl_train(folder, *RUN_HERE[:-1], f"hydra.run.dir={elsewhere}")
    assert completed.returncode == 0, completed.stderr
    record = json.loads((elsewhere / "status.json").read_text())
    (elsewhere / "status.json").write_text(
        json.dumps(record | {"status": "interrupted"})
    )
    (folder / "outputs" / "runs").mkdir(parents=True)
    (folder / "outputs" / "runs" / "mine-ple-1").symlink_to(elsewhere)
    before = {p: p.stat().st_mtime_ns for p in elsewhere.rglob("*")}
    completed = mtl_train(folder, *RUN_HERE[:-1])
    assert completed.returncode == 0, completed.stderr
    assert "going on" not in completed.stdout
    assert before == {p: p.stat().st_mtime_ns for p in elsewhere.rglob("*")}


@pytest.mark.parametrize(
    "link", slow_except(["outputs/runs"], ["outputs", "outputs/runs"])
)
def test_default_folder_behind_a_link_is_refused(link, folder):
    (folder / link).parent.mkdir(exist_ok=True)
    (folder / link).symlink_to(folder.parent / "precious")
    assert_refused(folder, RUN_HERE[:-1], "hydra.run.dir: ", "is not below")


@pytest.mark.parametrize("name", slow_except(["run"], ["run", "sweep"]))
def test_starting_folder_is_no_run_or_sweep_folder(name, folder):
    own = {"checkpoints/1-epochs-0-steps.npz": "mine", "report.html": "mine"}
    write(folder, own | {".jobs/notes.json": "mine", "leaderboard.csv": "mine"})
    arguments = RUN_HERE[:-1] if name == "run" else SWEEP_HERE[:-1]
    assert_refused(folder, [*arguments, f"hydra.{name}.dir=."], f"hydra.{name}.dir: ")
    for path in own:
        assert (folder / path).read_text() == "mine"


def test_nobody_is_told_to_remove_a_link_in_a_folder_without_a_run(tmp_path):
    (tmp_path / "bin").symlink_to("/usr/bin")
    with pytest.raises(ConfigError, match="bin is a link; name a new folder"):
        check_run_folder(tmp_path)


@pytest.mark.slow
def test_files_of_others_beside_a_run_stay(folder):
    status = json.dumps(RECORD | {"status": "done"})
    own = {"run/checkpoints/notes.txt": "mine", "run/notes.txt": "mine"}
    write(folder, own | {"run/status.json": status, "run/config.yaml": "seed: 1"})
    assert_refused(folder, RUN_HERE, "holds a run already: ", "; name another folder")
    assert (folder / "run/status.json").read_text() == status
    assert (folder / "run/config.yaml").read_text() == "seed: 1"
    (folder / "run/status.json").unlink()
    assert_refused(folder, RUN_HERE, "run holds 'checkpoints' and no run")
    assert (folder / "run/checkpoints/notes.txt").read_text() == "mine"


@pytest.mark.parametrize(
    "name", slow_except(["train.log"], ["train.log", "multirun.yaml"])
)
def test_hard_link_is_refused(name, folder):
    is_run = name == "train.log"
    path = folder / ("run" if is_run else "sweep")
    path.mkdir()
    (path / name).hardlink_to(folder.parent / "file")
    assert_refused(folder, RUN_HERE if is_run else SWEEP_HERE, "(a hard link)")


@pytest.mark.slow
def test_folder_that_only_looks_like_a_run_or_a_sweep_is_refused(folder):
    own = {"run/status.json": '{"service": "mine"}', "run/.tmp-notes": "mine"}
    write(folder, own)
    new_name = """hydra.run.dir="./run${now:''}\""""
    message = "status.json is not what a run writes; name a new folder"
    assert_refused(folder, [*RUN_HERE[:-1], new_name], message)
    for path, text in own.items():
        assert (folder / path).read_text() == text
    write(folder, {"sweep/leaderboard.csv": "mine"})
    (folder / "sweep/.jobs").mkdir()
    assert_refused(folder, SWEEP_HERE, "holds 'leaderboard.csv' and is not the")


@pytest.mark.parametrize("link", ["conf", "conf/dataset"])
def test_mtl_init_does_not_write_into_a_linked_folder(
    link, folder, capsys, monkeypatch
):
    shutil.rmtree(folder / "conf")
    (folder / link).parent.mkdir(exist_ok=True)
    (folder / link).symlink_to(folder.parent / "precious")
    monkeypatch.chdir(folder)
    assert init.main(["train.parquet", "--task", "buy"]) == 2
    assert f"{link} is a link" in capsys.readouterr().err
    assert len(list((folder.parent / "precious").iterdir())) == 1


@pytest.mark.parametrize(
    "make",
    [
        os.mkfifo,
        pytest.param(lambda p: p.symlink_to("/dev/zero"), marks=pytest.mark.slow),
    ],
)
def test_status_that_never_ends_is_not_read(make, folder):
    (folder / "run").mkdir()
    make(folder / "run" / "status.json")
    assert_refused(folder, RUN_HERE, "hydra.run.dir: ", "run/status.json is ")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("[" * 100_000, marks=pytest.mark.slow),
        '{"status": ["done"]}',
        pytest.param(
            '{"status": "done", "seconds": "long", "config_hash": 3}',
            marks=pytest.mark.slow,
        ),
        pytest.param(
            f'{{"status": "interrupted", "seconds": {"9" * 400}}}',
            marks=pytest.mark.slow,
        ),
        '{"status": "interrupted", "seconds": NaN}',
        pytest.param("[]", marks=pytest.mark.slow),
        pytest.param("{}", marks=pytest.mark.slow),
        pytest.param('"done"', marks=pytest.mark.slow),
        pytest.param("\x00", marks=pytest.mark.slow),
    ],
)
def test_status_of_another_form_is_refused(text, folder):
    write(folder, {"run/status.json": text})
    assert_refused(folder, RUN_HERE, "hydra.run.dir: ")


def test_mtl_init_does_not_write_through_a_link(folder, capsys, monkeypatch):
    target = folder / "conf" / "dataset" / "train.yaml"
    target.symlink_to(folder.parent / "new")
    shutil.copy(folder / "train.parquet", folder / "x.parquet")
    monkeypatch.chdir(folder)
    arguments = ["x.parquet", "--task", "buy", "--name", "train", "--force"]
    assert init.main(arguments) == 2
    assert "train.yaml is a link" in capsys.readouterr().err
    assert not (folder.parent / "new").exists()


IMPORTED = ("random", "keras", "tensorflow", "numpy", "json", "sitecustomize", "yaml")


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [RUN_HERE, SWEEP_HERE])
def test_module_in_the_starting_folder_is_not_imported(arguments, folder):
    write(folder, {f"{name}.py": "open('canary', 'w')\n" for name in IMPORTED})

    command = Path(sys.executable).with_name("mtl-train")
    completed = subprocess.run(
        [command, *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    assert completed.returncode == 0, completed.stderr
    assert not (folder / "canary").exists()


EPOCH = {
    **{"number": 1, "losses": {"buy": 0.6}, "valid": {"buy": {"auc": None}}},
    **{"monitored": None, "seconds": 1.0, "samples_per_second": 9.0, "best": False},
}
VALUES = {"environment": {}, "epochs": [EPOCH], "kept": 0, "seconds": 0.0, "best": True}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"epochs": "x"}, "epochs: "),
        ({"epochs": [EPOCH | {"losses": {"buy": "0.6"}}]}, "epochs.0.losses.buy: "),
        ({"epochs": [EPOCH | {"more": 1}]}, "epochs.0.more: "),
        ({"epochs": [EPOCH, EPOCH]}, "its epochs contradict each other"),
        ({"kept": 1}, "its epochs contradict each other"),
        ({"kept": True}, "kept: "),
        ({"seconds": -1.0}, "seconds: "),
        ({"epochs": [EPOCH | {"monitored": 1e999}]}, "not JSON compliant"),
        ({"environment": None}, "environment: "),
        ({"code": "x"}, "code: "),
    ],
)
def test_forged_checkpoint_is_refused(changes, reason):
    path = Path("0000001-epochs-000000000-steps.npz")
    assert Checkpoint(path, VALUES).values.best
    with pytest.raises(DataError, match="is not a checkpoint of this run") as error:
        _ = Checkpoint(path, VALUES | changes).values
    assert reason in str(error.value)


def test_checkpoint_whose_name_tells_other_epochs_is_refused():
    path = Path("9999999-epochs-000000000-steps.npz")
    with pytest.raises(DataError, match=r"this run \(it holds 1 epochs\); remove"):
        _ = Checkpoint(path, VALUES).values


def test_checkpoint_of_another_configuration_is_refused():
    values = VALUES | {"environment": {"config_hash": "a", "data_hash": "x"}}
    checkpoint = Checkpoint(Path("0000001-epochs-000000000-steps.npz"), values)
    warnings = []
    console = SimpleNamespace(warn=warnings.append)
    new = {"config_hash": "a", "data_hash": "x", "cores": 2}
    warn_of_changes(checkpoint, new, console)
    assert warnings[0].startswith("cores was None, is 2")
    with pytest.raises(DataError, match="its run had another configuration"):
        warn_of_changes(checkpoint, new | {"config_hash": "b"}, console)


@pytest.mark.parametrize("name", [".tmp-x", "model/.tmp-x"])
def test_folder_with_the_name_of_an_unfinished_file_stays(name, tmp_path):
    write(tmp_path, {f"{name}/notes.txt": "mine", "status.json": json.dumps(RECORD)})
    folder = RunFolder(tmp_path)
    folder.begin("x")
    folder.release()
    assert (tmp_path / name / "notes.txt").read_text() == "mine"
