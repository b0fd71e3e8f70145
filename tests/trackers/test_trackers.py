"""Trackers, each with the real package and no service."""

import json
import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
from helpers.commands import run_cold
from helpers.networks import config
from omegaconf import DictConfig

from mtl_cli.config.run_config import Config
from mtl_cli.core.errors import ConfigError
from mtl_cli.core.run_folder import RunFolder
from mtl_cli.runs import execution
from mtl_cli.runs.execution import Request
from mtl_cli.trackers.wandb import WandB


def train(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Trains two quick epochs in `run`."""
    settings = ["model=shared_bottom", "trainer.epochs=2", "trainer.compile=false"]
    settings += ["hydra.run.dir=run"]
    variables = {"WANDB_DIR": str(folder), "PYTHONPATH": python_path(folder)}
    return run_cold(folder, *settings, *arguments, **variables)


def python_path(folder: Path) -> str:
    """Returns PYTHONPATH with what a test hides in its folder first."""
    return os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])


def scores(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "run" / "metrics.json").read_text())


def test_process_that_helps_another_tells_no_tracker(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[str] = []

    def execute_in_folder(
        config: Config, _: object, folder: RunFolder, __: object
    ) -> None:
        told.append(config.tracker.name)
        folder.release()

    monkeypatch.setattr(execution, "execute_in_folder", execute_in_folder)
    chosen = config("tracker=tensorboard")
    request = Request(DictConfig({}), {}, [], Path("run"))
    execution.execute_as_worker(chosen, request)
    assert (chosen.tracker.name, told) == ("tensorboard", ["none"])


def test_tensorboard_shows_epochs_and_final_metrics(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="extra tensorboard")
    told = train(tmp_path, "tracker=tensorboard")
    assert (told.returncode, told.stderr) == (0, "")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the package's own
        from tensorboard.backend.event_processing.event_accumulator import (
            EventAccumulator,
        )

        events = EventAccumulator(str(tmp_path / "run" / "tensorboard"))
        events.Reload()
    found = {
        tag: [(e.step, e.tensor_proto.float_val[0]) for e in events.Tensors(tag)]
        for tag in events.Tags()["tensors"]
    }
    assert [step for step, _ in found["valid.income.auc"]] == [1, 2]
    ((_, auc),) = found["final.test.income.auc"]
    assert auc == pytest.approx(scores(tmp_path)["test"]["income"]["auc"], rel=1e-6)


def test_mlflow_holds_parameters_epochs_and_final_metrics(tmp_path: Path) -> None:
    pytest.importorskip("mlflow", reason="extra mlflow")
    uri = f"sqlite:///{tmp_path}/tracked.db"
    told = train(tmp_path, "tracker=mlflow", f"tracker.uri={uri}")
    assert told.returncode == 0, told.stderr
    code = (
        "import json, sys; from mlflow import MlflowClient\n"
        "client = MlflowClient(sys.argv[1])\n"
        "names = [client.get_experiment_by_name('mtl-cli').experiment_id]\n"
        "(run,) = client.search_runs(names)\n"
        "steps = client.get_metric_history(run.info.run_id, 'valid.income.auc')\n"
        "print(json.dumps([run.info.status, run.data.params, run.data.metrics, "
        "[m.step for m in steps]]))"
    )
    read = subprocess.run(
        [sys.executable, "-c", code, uri], capture_output=True, text=True, check=True
    )
    status, parameters, metrics, steps = json.loads(read.stdout.splitlines()[-1])
    assert status == "FINISHED"
    assert parameters["model.name"] == "shared_bottom"
    assert steps == [1, 2]
    assert metrics["final.test.income.auc"] == scores(tmp_path)["test"]["income"]["auc"]


def test_wandb_offline_keeps_the_run_in_its_folder(tmp_path: Path) -> None:
    pytest.importorskip("wandb", reason="extra wandb")
    told = train(tmp_path, "tracker=wandb", "tracker.mode=offline")
    assert (told.returncode, told.stderr) == (0, "")
    (file,) = (tmp_path / "run" / "wandb").glob("offline-run-*/*.wandb")
    for name in (b"valid.income.auc", b"final.test.income.auc"):
        assert name in file.read_bytes()


@pytest.mark.parametrize("name", ["tensorboard", "mlflow", "wandb"])
def test_missing_package_is_told_before_a_run_folder_is_made(
    name: str, tmp_path: Path
) -> None:
    hidden = f"import sys; sys.modules[{name!r}] = None"
    (tmp_path / "sitecustomize.py").write_text(hidden)
    told = train(tmp_path, f"tracker={name}")
    assert told.returncode == 2
    line = f"tracker: {name} needs a package: pip install 'mtl-cli[{name}]'\n"
    assert told.stderr == f"mtl-train: error: {line}"
    assert not (tmp_path / "run").exists()


def test_folder_of_a_packages_name_is_not_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "no_such_service").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(WandB, "package", "no_such_service")
    with pytest.raises(ConfigError, match="needs a package"):
        WandB(name="wandb", project="x", mode="offline").check_installed()
