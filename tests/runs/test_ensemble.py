"""Runs of several seeds become one model, in a folder like that of a run."""

import errno
import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from helpers.planted_data import config, parquet, planted, run_in, values
from helpers.signal_handlers import own_signal_handlers
from omegaconf import OmegaConf

import mtl_cli
from mtl_cli.cli import compare as command
from mtl_cli.config.check import check
from mtl_cli.config.run_config import Config
from mtl_cli.config.start_from import StartFrom
from mtl_cli.core import atomic_write
from mtl_cli.core.errors import ConfigError, DataError, MtlError, WriteError
from mtl_cli.core.run_status import MODEL_CHECKSUMS
from mtl_cli.exports._weights_tensors import named_weights
from mtl_cli.metrics.log_loss import log_loss
from mtl_cli.runs import ensemble as runs_ensemble
from mtl_cli.runs import saved_model
from mtl_cli.runs.earlier_run import read_earlier_run
from mtl_cli.runs.ensemble import write_ensemble
from mtl_cli.runs.saved_config import read_config

# Keras asks NumPy 2 for an array without a copy as NumPy deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning")

FEATURES = {"user": {"kind": "sparse"}, "price": {"kind": "dense"}}
TASKS = {
    "click": {"label": "click", "kind": "binary"},
    "amount": {"label": "amount", "kind": "regression", "transform": "standard"},
}
ROUNDING = 1e-6  # of float32 predictions, relative


def chosen(folder: Path, *settings: str, **changes: Any) -> Any:
    data = values(folder / "train.parquet", FEATURES, TASKS, **changes)
    return config(data, *settings)


def write_run(folder: Path, chosen: Any) -> Path:
    """Trains a run; writes what `mtl-train` adds to it."""
    run_in(folder, chosen, eager=True)
    text = yaml.safe_dump(chosen.model_dump(mode="json"))
    (folder / "config.yaml").write_text(text)
    (folder / "status.json").write_text('{"status": "done", "seconds": 1.0}')
    return folder


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of two seeds, with validation and test rows."""
    folder = tmp_path_factory.mktemp("sweep")
    parquet(folder, planted())
    parts = {"valid_fraction": 0.2, "test_fraction": 0.2}
    for seed in (1, 2):
        own = chosen(folder, f"seed={seed}", **parts)
        write_run(folder / "runs" / f"seed={seed}", own)
    return folder


@pytest.fixture(scope="module")
def ensemble(sweep: Path) -> Path:
    target = sweep / "ensemble"
    write_ensemble(seeds_of(sweep), target)
    return target


def seeds_of(sweep: Path) -> list[Path]:
    return [sweep / "runs" / f"seed={seed}" for seed in (1, 2)]


def read_json(path: Path) -> Any:
    return json.loads(path.read_text())


def test_predictions_are_the_mean_over_seeds_and_are_scored_as_those_of_a_run(
    sweep: Path, ensemble: Path
) -> None:
    runs = [pd.read_parquet(f / "predictions.parquet") for f in seeds_of(sweep)]
    found = pd.read_parquet(ensemble / "predictions.parquet")
    for name in ("row", *TASKS):
        assert found[name].equals(runs[0][name])
    for task in TASKS:
        each = np.array([run[f"{task}_prediction"] for run in runs], "float64")
        mean, spread = (found[f"{task}_{x}"] for x in ("prediction", "std"))
        np.testing.assert_allclose(mean, each.mean(axis=0), rtol=ROUNDING)
        np.testing.assert_allclose(spread, each.std(axis=0), rtol=1e-3, atol=ROUNDING)
        assert spread.max() > 1e-3
    scores = read_json(ensemble / "metrics.json")
    for split, tasks in read_json(seeds_of(sweep)[0] / "metrics.json").items():
        for task, metrics in tasks.items():
            assert scores[split][task].keys() == metrics.keys()
            assert scores[split][task]["rows"] == metrics["rows"]
    label, p = (found[x].to_numpy("float64") for x in ("click", "click_prediction"))
    loss = log_loss(label, p, np.ones(len(p)))
    assert scores["test"]["click"]["log_loss"] == pytest.approx(loss)


def test_folder_says_which_runs_it_averages(sweep: Path, ensemble: Path) -> None:
    environment = read_json(ensemble / "environment.json")
    runs = [read_json(run / "environment.json") for run in seeds_of(sweep)]
    assert environment["ensemble"] == [
        {"run": f"seed={run['seed']}", "seed": run["seed"]}
        | {key: run[key] for key in ("config_hash", "data_hash")}
        for run in runs
    ]
    assert environment["parameters"] == 2 * runs[0]["parameters"] + 4  # calibration
    assert read_json(ensemble / "status.json")["status"] == "done"
    assert read_config(ensemble)["ensemble"] == [1, 2]
    assert "seed=1, seed=2" in (ensemble / "report.html").read_text()
    assert not (ensemble / "history.csv").exists()


def test_saved_ensemble_predicts_as_it_was_scored(sweep: Path, ensemble: Path) -> None:
    found = mtl_cli.load(ensemble).predict(planted())
    expected = pd.read_parquet(ensemble / "predictions.parquet")
    rows = expected["row"] - 1
    for name in ("click", "click_std", "amount", "amount_std"):
        kept = expected[name if name.endswith("_std") else f"{name}_prediction"]
        np.testing.assert_allclose(found[name][rows], kept, ROUNDING, ROUNDING)


def test_exported_weights_of_each_run_are_those_that_the_run_has_saved(
    sweep: Path, ensemble: Path
) -> None:
    found = named_weights(saved_model.load(ensemble).network)
    assert len(found) == len(saved_model.load(ensemble).network.predictions.weights)
    for number, run in enumerate(seeds_of(sweep), 1):
        for name, weight in named_weights(saved_model.load(run).network).items():
            own = found[f"run_{number}/{name}"]
            np.testing.assert_array_equal(own.numpy(), weight.numpy())


def test_ensemble_is_neither_trained_nor_started_from(ensemble: Path) -> None:
    with pytest.raises(ConfigError, match="an ensemble is not trained"):
        check(OmegaConf.create(read_config(ensemble)))
    averaged = Config.model_validate(read_config(ensemble))
    assert averaged.ensemble == [1, 2]
    start = StartFrom(run=str(ensemble))
    next_run = averaged.model_copy(update={"ensemble": [], "start_from": start})
    with pytest.raises(ConfigError, match="an ensemble of runs, whose weights"):
        read_earlier_run(next_run, ensemble, is_resumed=False)


def test_runs_that_differ_in_more_than_the_seed_are_refused(
    sweep: Path, tmp_path: Path
) -> None:
    first, second = seeds_of(sweep)
    for file, change, message in (
        ("model/spec.json", {"trainer": {"epochs": 7}}, "trainer.epochs is 1 in .* 7"),
        ("environment.json", {"data_hash": "other"}, "data_hash is .* and 'other' in"),
        (
            "environment.json",
            {"plugins": {"models.own": "other"}},
            "plugins.models.own is None in .* and 'other' in",
        ),
        (
            "environment.json",
            {"pretrained": {"v.npy": "other"}},
            "pretrained.v.npy is None in .* and 'other' in",
        ),
        (
            "model/learnt.json",
            {"labels": {"amount": {"mean": 9.0, "deviation": 1.0}}},
            "labels.amount is ",
        ),
    ):
        copy = shutil.copytree(second, tmp_path / message.split()[0])
        merged = merge(read_json(copy / file), change)
        (copy / file).write_text(json.dumps(merged))
        (copy / MODEL_CHECKSUMS).unlink()
        with pytest.raises(ConfigError, match=message):
            write_ensemble([first, copy], tmp_path / "target")
    assert not (tmp_path / "target").exists()


def merge(values: Any, change: Any) -> Any:
    if not isinstance(change, dict):
        return change
    values = values or {}
    return values | {key: merge(values.get(key), x) for key, x in change.items()}


@pytest.mark.slow
def test_ensemble_of_the_library_writes_its_scores_to_the_log_alone(
    sweep: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = mtl_cli.compare(sweep / "runs").ensemble(tmp_path / "ensemble")
    assert capsys.readouterr() == ("", "")
    assert "test rows" in (run.folder / "train.log").read_text()


def test_changed_data_and_taken_folders_are_refused(
    sweep: Path, ensemble: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="exists; name a new folder"):
        write_ensemble(seeds_of(sweep), ensemble)
    copies = [shutil.copytree(run, tmp_path / run.name) for run in seeds_of(sweep)]
    train = parquet(tmp_path, planted(seed=1))
    for copy in copies:
        for name in ("model/spec.json", "config.yaml"):
            text = (copy / name).read_text()
            text = text.replace(str(sweep / "train.parquet"), str(train))
            (copy / name).write_text(text)
        (copy / MODEL_CHECKSUMS).unlink()
    with pytest.raises(DataError, match="has changed since the run was trained"):
        write_ensemble(copies, tmp_path / "target")


def test_full_disk_names_the_ensemble_and_leaves_nothing(
    sweep: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync = atomic_write.sync

    def full(path: Path) -> None:
        if path.name.endswith("metrics.json"):
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(path)

    monkeypatch.setattr(atomic_write, "sync", full)
    target = tmp_path / "ensemble"
    with pytest.raises(WriteError) as raised:
        write_ensemble(seeds_of(sweep), target)
    assert str(raised.value) == (
        f"cannot write {target}: No space left on device; mend that, and run the "
        "command again"
    )
    assert list(tmp_path.iterdir()) == []


def test_stopped_command_leaves_no_ensemble(
    sweep: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped(*_: Any) -> None:
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(runs_ensemble, "save_and_score", stopped)
    with own_signal_handlers():
        code = command.main([str(sweep / "runs"), "--ensemble"])
    assert code == 143
    assert capsys.readouterr().err.endswith("error: stopped by SIGTERM\n")
    assert sorted(p.name for p in (sweep / "runs").iterdir()) == ["seed=1", "seed=2"]


KILLED_COMMAND = """
import os, signal
from mtl_cli.runs import ensemble
ensemble.save_and_score = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
from mtl_cli.cli.compare import command
command()
"""


@pytest.mark.slow
def test_killed_command_may_run_again(
    sweep: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = shutil.copytree(sweep / "runs", tmp_path / "runs")
    arguments = [str(runs), "--ensemble"]
    ended = subprocess.run(
        [sys.executable, "-c", KILLED_COMMAND, *arguments], check=False
    )
    assert ended.returncode == -signal.SIGKILL
    (unfinished,) = runs.glob(".tmp-*")
    assert read_json(unfinished / "ensemble" / "status.json")["status"] == "running"
    condition = ["--fail-if", "test.click.auc<0"]
    assert command.compare(command.arguments([str(runs), *condition])) == 0
    assert "killed" not in "".join(capsys.readouterr())
    assert command.compare(command.arguments(arguments)) == 0
    assert read_json(runs / "ensemble" / "status.json")["status"] == "done"
    assert not (runs / "ensemble" / ".lock").exists()


@pytest.mark.slow
def test_command_averages_the_seeds_of_a_sweep_and_keeps_stdout_for_the_comparison(
    sweep: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = sweep / "runs"
    assert command.compare(command.arguments([str(runs), "--json", "--ensemble"])) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["configurations"]
    assert "the only configuration with several seeds" in err
    assert "mean of 2 runs: seed=1, seed=2" in err
    table = mtl_cli.compare(runs).to_frame()
    assert set(table["ensemble"].dropna()) == {"[1,2]"}
    with pytest.raises(MtlError, match="exists; name a new folder"):
        command.compare(command.arguments([str(runs), "--ensemble"]))
    with pytest.raises(MtlError, match="name the folder to write"):
        folders = map(str, seeds_of(sweep))
        command.compare(command.arguments([*folders, "--ensemble"]))
    shutil.rmtree(runs / "ensemble")
