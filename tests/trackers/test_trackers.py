"""Trackers, each with the real package and no service."""

import fcntl
import json
import os
import socket
import subprocess
import sys
import warnings
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from helpers.commands import run_cold
from helpers.networks import config
from helpers.slow import slow_except
from omegaconf import DictConfig

from mtl_cli.config.run_config import Config
from mtl_cli.core import secrets
from mtl_cli.core.errors import ConfigError, DataError
from mtl_cli.core.run_folder import RunFolder
from mtl_cli.runs import execution
from mtl_cli.runs.execution import RunRequest
from mtl_cli.runs.resume import RunStart
from mtl_cli.trackers import mlflow as mlflow_module
from mtl_cli.trackers._mlflow_store import move_user_to_environment, opened_database
from mtl_cli.trackers.mlflow import MLflow
from mtl_cli.trackers.tensorboard import TensorBoard
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

    def execute_in_folder(config: Config, start: RunStart, _: object) -> None:
        told.append(config.tracker.name)
        start.run_folder.release()

    monkeypatch.setattr(execution, "execute_in_folder", execute_in_folder)
    chosen = config("tracker=tensorboard")
    request = RunRequest(DictConfig({}), {}, [], Path("run"))
    execution.execute_as_worker(chosen, request, 1)
    assert (chosen.tracker.name, told) == ("tensorboard", ["none"])


def test_tracker_does_not_hear_of_a_check_of_the_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("the tracker heard of a check")

    monkeypatch.setattr(TensorBoard, "start", fail)
    monkeypatch.setattr("mtl_cli.runs.run.run", lambda *_, **__: {})
    chosen = config("tracker=tensorboard", "check_only=true")
    folder = RunFolder(tmp_path)
    monkeypatch.setattr("mtl_cli.runs.saved_config.saved_config", lambda *_: "")
    request = RunRequest(DictConfig({}), {}, [], tmp_path)
    execution.execute_in_folder(chosen, RunStart(folder), request)


def test_tracker_gets_references_in_place_of_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    received: list[Any] = []

    def record(tracker: object, run: Path, values: dict[str, Any]) -> None:
        received.append(values)
        raise DataError("the run ends here")

    reference = "${oc.env:DB_PASSWORD}"
    monkeypatch.setattr(secrets, "_references", {"hunter2": reference})
    monkeypatch.setattr(TensorBoard, "start", record)
    chosen = config("tracker=tensorboard", "dataset.train=hunter2/rows.parquet")
    folder = RunFolder(tmp_path)
    monkeypatch.setattr("mtl_cli.runs.saved_config.saved_config", lambda *_: "")
    request = RunRequest(DictConfig({}), {}, [], tmp_path)
    with pytest.raises(DataError, match="ends here"):
        execution.execute_in_folder(chosen, RunStart(folder), request)
    (values,) = received
    assert values["dataset"]["train"] == f"{reference}/rows.parquet"


class RecordedCalls(ModuleType):
    """A module whose functions only record how they are called."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.__spec__ = ModuleSpec(name, None, origin=name)
        self.calls: dict[str, tuple[Any, ...]] = {}

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *given, **named: self.calls.update({name: (*given, named)})


@pytest.mark.slow
@pytest.mark.parametrize("is_variable", slow_except([False], [False, True]))
def test_mlflow_gets_its_address_and_experiment(
    is_variable: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("mlflow", reason="extra mlflow")
    uri = f"sqlite:///{tmp_path}/tracked.db"
    other = f"sqlite:///{tmp_path}/other.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri if is_variable else other)
    settings = ["tracker.experiment=ranking"]
    settings += [] if is_variable else [f"tracker.uri={uri}"]
    monkeypatch.chdir(tmp_path)
    tracker: Any = config("tracker=mlflow", *settings).tracker
    tracker.start(tmp_path, {"seed": 3})
    found = tracker._client.get_experiment_by_name("ranking")
    (run,) = tracker._client.search_runs([found.experiment_id])
    assert [path.name for path in tmp_path.glob("*.db")] == ["tracked.db"]
    assert run.data.params == {"seed": "3"}


@pytest.mark.slow
def test_artifacts_elsewhere_are_refused_before_mlflow_has_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mlflow = pytest.importorskip("mlflow", reason="extra mlflow")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    uri = "sqlite:///tracked.db"
    mlflow_module.load_quietly()
    client = mlflow.MlflowClient(uri)
    experiment = client.create_experiment("ranking", artifact_location="s3://bucket/x")
    settings = ["tracker.experiment=ranking", f"tracker.uri={uri}"]
    tracker: Any = config("tracker=mlflow", *settings).tracker
    with pytest.raises(OSError, match="would write artifacts to s3://bucket/x"):
        tracker.start(tmp_path, {})
    assert list(client.search_runs([experiment])) == []


@pytest.mark.parametrize("uri", ["db://host", None])
def test_keys_name_the_address_and_the_experiment_of_mlflow(
    uri: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    package, client = RecordedCalls("mlflow"), RecordedCalls("client")
    exceptions, addresses, loads = ModuleType("mlflow.exceptions"), [], list[bool]()
    info = SimpleNamespace(run_id="7", status="RUNNING", artifact_uri="mlruns/7")
    found = SimpleNamespace(info=info, data=SimpleNamespace(params={}))
    replaced: dict[Any, dict[str, Any]] = {
        exceptions: {"MlflowException": OSError},
        package: {
            "get_tracking_uri": lambda: "db://variable",
            "MlflowClient": lambda uri: addresses.append(uri) or client,
        },
        mlflow_module: {"load_quietly": lambda: loads.append(True)},
        MLflow: {"_find_run": lambda _: found, "_log_parameters": lambda *_: None},
    }
    for owner, values in replaced.items():
        for name, value in values.items():
            monkeypatch.setattr(owner, name, value, raising=False)
    monkeypatch.setitem(sys.modules, "mlflow", package)
    monkeypatch.setitem(sys.modules, "mlflow.exceptions", exceptions)
    tracker = MLflow(name="mlflow", uri=uri, experiment="ranking")
    tracker.start(Path("runs/7"), {})
    tracker._find_or_create_experiment()
    assert loads == [True]
    assert addresses == [uri or "db://variable"]
    assert client.calls["create_experiment"] == ("ranking", {})


class FakeWandB(ModuleType):
    """A package `wandb` whose `init` answers or fails, and records its arguments."""

    errors = SimpleNamespace(CommError=type("CommError", (Exception,), {}))

    def __init__(self) -> None:
        super().__init__("wandb")
        self.__spec__ = ModuleSpec("wandb", None, origin="wandb")
        self.inits: list[dict[str, Any]] = []
        self.answers = True

    def Settings(self, **settings: Any) -> dict[str, Any]:  # noqa: N802
        return settings

    def setup(self) -> None:
        """Reads settings of the current folder, as W&B does."""
        self.settings_folder = Path.cwd()

    def init(self, **named: Any) -> SimpleNamespace:
        self.inits.append(named)
        if not self.answers:
            raise self.errors.CommError("no answer within 30 s")
        return SimpleNamespace(dir=f"wandb/run-{len(self.inits)}/files")


@pytest.mark.parametrize(("mode", "resume"), [("online", "allow"), ("offline", None)])
def test_wandb_gets_its_project_and_mode_and_resumes_the_same_run(
    mode: str, resume: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = FakeWandB()
    monkeypatch.setitem(sys.modules, "wandb", package)
    chosen = ["tracker=wandb", "tracker.project=ranking", f"tracker.mode={mode}"]
    for _ in range(2):
        config(*chosen).tracker.start(tmp_path, {"seed": 3})
    (tmp_path / "wandb.json").write_text('{"run_id": "../../other"}')
    config(*chosen).tracker.start(tmp_path, {"seed": 3})
    assert package.settings_folder == Path("/")
    first, second, third = package.inits
    assert (first["project"], first["mode"]) == ("ranking", mode)
    assert (first["name"], first["config"]) == (tmp_path.name, {"seed": 3})
    assert first["id"] == second["id"] != third["id"] != "../../other"
    assert first["resume"] == second["resume"] == resume


def test_wandb_gets_all_epochs_again_from_a_resumed_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", FakeWandB())
    destinations = []
    for _ in range(2):
        tracker = config("tracker=wandb").tracker
        tracker.start(tmp_path, {})
        destinations.append(tracker.destination)
    assert destinations == ["wandb run-1", "wandb run-2"]


def test_wandb_is_waited_for_only_so_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = FakeWandB()
    package.answers = False
    monkeypatch.setitem(sys.modules, "wandb", package)
    # Any error but an OSError would mean that W&B refuses the run.
    with pytest.raises(ConnectionError, match="W&B does not answer: no answer within"):
        config("tracker=wandb").tracker.start(tmp_path, {})
    settings = package.inits[0]["settings"]
    assert (settings["init_timeout"], settings["finish_timeout"]) == (30, 60)
    assert settings["finish_timeout_raises"]


@pytest.mark.slow
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


READ_MLFLOW = """
import json, sys
from mlflow import MlflowClient

client = MlflowClient(sys.argv[1])
(run,) = client.search_runs([client.get_experiment_by_name("mtl-cli").experiment_id])
number = run.info.run_id
steps = [m.step for m in client.get_metric_history(number, "valid.income.auc")]
files = [file.path for file in client.list_artifacts(number)]
model = [file.path for file in client.list_artifacts(number, "model")]
facts = [run.info.status, run.data.params, run.data.metrics, steps, files, model]
print(json.dumps(facts))
"""


def read_mlflow(uri: str) -> list[Any]:
    """Returns status, parameters, metrics, steps and files of the one MLflow run."""
    read = subprocess.run(
        [sys.executable, "-c", READ_MLFLOW, uri],
        capture_output=True,
        text=True,
        check=True,
    )
    return list(json.loads(read.stdout.splitlines()[-1]))


@pytest.mark.slow
def test_mlflow_holds_parameters_epochs_final_metrics_and_files(tmp_path: Path) -> None:
    pytest.importorskip("mlflow", reason="extra mlflow")
    uri = f"sqlite:///{tmp_path}/tracked.db"
    told = train(tmp_path, "tracker=mlflow", f"tracker.uri={uri}")
    assert (told.returncode, told.stderr) == (0, "")
    status, parameters, metrics, steps, files, model = read_mlflow(uri)
    assert status == "FINISHED"
    assert parameters["model.name"] == "shared_bottom"
    assert steps == [1, 2]
    assert metrics["final.test.income.auc"] == scores(tmp_path)["test"]["income"]["auc"]
    assert files == ["config.yaml", "metrics.json", "model", "report.html"]
    saved = sorted(path.name for path in (tmp_path / "run" / "model").iterdir())
    assert model == [f"model/{name}" for name in saved]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Starts in the folder of the test, below which a database may lie."""
    monkeypatch.chdir(tmp_path)


def mlflow_tracker(folder: Path) -> MLflow:
    uri = f"sqlite:///{folder}/store/tracked.db"
    return MLflow(name="mlflow", uri=uri, experiment="mtl-cli")


@pytest.mark.slow
@pytest.mark.usefixtures("start")
def test_resumed_run_goes_on_in_its_mlflow_run(tmp_path: Path) -> None:
    pytest.importorskip("mlflow", reason="extra mlflow")
    run, values = tmp_path / "run", {"a (b)": "x", "c": {"d": 1}}
    run.mkdir()
    killed, resumed = mlflow_tracker(tmp_path), mlflow_tracker(tmp_path)
    killed._event_time, resumed._event_time = 1000.0, 2000.0
    killed.start(run, values)
    killed.epoch(1, {"valid.income.auc": 0.5})
    resumed.start(run, values | {"new": True})
    resumed.epoch(2, {"valid.income.auc": 0.6})
    resumed.end(None)
    assert resumed._run_id == killed._run_id
    status, parameters, metrics, steps, files, _ = read_mlflow(resumed.uri or "")
    assert (status, steps, files) == ("FAILED", [1, 2], [])
    assert parameters == {"a _28b_29": "x", "c.d": "1", "new": "True"}
    assert metrics == {"valid.income.auc": 0.6}


@pytest.mark.slow
@pytest.mark.usefixtures("start")
def test_mlflow_stores_runs_in_a_folder(tmp_path: Path) -> None:
    pytest.importorskip("mlflow", reason="extra mlflow")
    tracker = MLflow(name="mlflow", uri="store", experiment="mtl-cli")
    tracker.start(tmp_path, {})
    assert list((tmp_path / "store").glob(f"*/{tracker._run_id}/params"))


@pytest.mark.slow
@pytest.mark.usefixtures("start")
def test_process_that_is_killed_leaves_no_half_made_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("mlflow", reason="extra mlflow")

    def kill(self: Path, target: Path) -> None:
        assert self.stat().st_size
        assert not target.exists()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Path, "rename", kill)
        mlflow_tracker(tmp_path).start(tmp_path, {})
    mlflow_tracker(tmp_path).start(tmp_path, {})
    assert [path.name for path in (tmp_path / "store").iterdir()] == ["tracked.db"]


@pytest.mark.slow
@pytest.mark.usefixtures("start")
def test_deleted_mlflow_run_is_replaced(tmp_path: Path) -> None:
    pytest.importorskip("mlflow", reason="extra mlflow")
    deleted, new = mlflow_tracker(tmp_path), mlflow_tracker(tmp_path)
    deleted.start(tmp_path, {})
    deleted._client.delete_run(deleted._run_id)
    new.start(tmp_path, {})
    assert new._run_id != deleted._run_id


@pytest.mark.slow
@pytest.mark.usefixtures("start")
def test_metric_that_is_sent_again_is_held_once(tmp_path: Path) -> None:
    pytest.importorskip("mlflow", reason="extra mlflow")
    tracker = mlflow_tracker(tmp_path)
    tracker._event_time = 1000.0
    tracker.start(tmp_path, {})
    for _ in range(2):
        tracker.epoch(1, {"valid.income.auc": 0.5})
    history = tracker._client.get_metric_history(tracker._run_id, "valid.income.auc")
    assert [(m.step, m.timestamp) for m in history] == [(1, 1_000_000)]


@pytest.mark.slow
def test_absent_mlflow_server_ends_a_run_in_one_line_without_its_password(
    tmp_path: Path,
) -> None:
    pytest.importorskip("mlflow", reason="extra mlflow")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{unused.getsockname()[1]}"
        told = train(
            tmp_path, "tracker=mlflow", f"tracker.uri=http://user:hidden-pw@{host}"
        )
    assert (told.returncode, told.stdout) == (2, "")
    assert told.stderr == (
        f"mtl-train: error: tracker: mlflow cannot start: http://{host} cannot "
        "serve a request now: Connection refused; mend this, or train with "
        "tracker=none\n"
    )
    assert not (tmp_path / "run" / "data_report.json").exists()


def test_mlflow_gets_user_and_password_by_variables(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"):
        monkeypatch.setenv(name, "")
    assert (
        move_user_to_environment("https://me:p%40ss@host:1/path")
        == "https://host:1/path"
    )
    assert os.environ["MLFLOW_TRACKING_USERNAME"] == "me"
    assert os.environ["MLFLOW_TRACKING_PASSWORD"] == "p@ss"
    assert (
        move_user_to_environment("sqlite:///folder/a@b.db") == "sqlite:///folder/a@b.db"
    )


@pytest.mark.slow
def test_wandb_offline_keeps_the_run_in_its_folder(tmp_path: Path) -> None:
    pytest.importorskip("wandb", reason="extra wandb")
    told = train(tmp_path, "tracker=wandb", "tracker.mode=offline")
    assert (told.returncode, told.stderr) == (0, "")
    (file,) = (tmp_path / "run" / "wandb").glob("offline-run-*/*.wandb")
    for name in (b"valid.income.auc", b"final.test.income.auc"):
        assert name in file.read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", slow_except(["wandb"], ["tensorboard", "mlflow", "wandb"])
)
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


def test_only_an_open_database_is_locked(tmp_path: Path) -> None:
    pytest.importorskip("sqlalchemy", reason="extra mlflow")
    file = tmp_path / "mlflow.db"
    file.touch()
    descriptor = os.open(tmp_path, os.O_RDONLY)
    with opened_database(f"sqlite:///{file}"), pytest.raises(BlockingIOError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(descriptor)
