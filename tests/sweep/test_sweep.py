"""Sweeps: a failed job does not stop another, and a cut-off sweep resumes."""

import contextlib
import errno
import functools
import io
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import rich.console
import yaml
from helpers.commands import (
    mtl_train,
    on_terminal,
    refused,
    sweep_on_shared_fork_server,
)
from helpers.slow import slow_except
from hydra import compose, initialize_config_dir

from mtl_cli.cli import compare
from mtl_cli.cli.check_jobs import check_jobs
from mtl_cli.cli.failures import stop_jobs_after, stop_sweep
from mtl_cli.core import signals
from mtl_cli.core.errors import ConfigError
from mtl_cli.core.paths import conf_folder
from mtl_cli.core.terminal import new_console
from mtl_cli.data.dataset import Dataset
from mtl_cli.distributed.child_processes import free_ports
from mtl_cli.runs.job_records import RECORDS, JobRecord, mark_as_stopped, read_record
from mtl_cli.sweep import job, job_processes, job_table, optuna_search, session
from mtl_cli.sweep.folder_names import job_name, names_by_ending, sweep_name
from mtl_cli.sweep.job_table import JobTable
from mtl_cli.sweep.plan import keys_with_one_value, settings_by_key
from mtl_cli.sweep.search_measure import row_settings
from mtl_cli.sweep.session import Session, check_sweep_folder

DATASET = """
name: small
train: rows.csv
valid: null
test: null
valid_fraction: 0.5
split_seed: 0
features:
  shop: {kind: sparse}
  price: {kind: dense, transform: standard}
tasks:
  buy: {label: buy, kind: binary}
  like: {label: like, kind: binary}
"""
SETTINGS = ["dataset=small", "model=shared_bottom", "trainer.epochs=2"]
SETTINGS += ["trainer.compile=false", "trainer.batch_size=64"]

# Python imports this `sitecustomize` at every start, also in the fork server. It makes
# jobs of some seeds fail.
FAULTS = """
import os, sys, time

def plant_faults():
    import mtl_cli.runs.run as module
    real = module.run
    def run(config, *others, **keywords):
        if config.seed == 11:
            raise RuntimeError("planted")
        if config.seed == 12:
            sys.exit(3)
        if config.seed == 13:
            os.kill(os.getpid(), 9)
        if config.seed == 14:
            open("sleeping", "w").close()
            time.sleep(600)
        return real(config, *others, **keywords)
    module.run = run

started_as = " ".join(sys.orig_argv)
if "forkserver" in started_as:
    open("fork_server_started", "w").close()
if "resource_tracker" not in started_as:
    plant_faults()
"""
FAULTS_FOLDER = tempfile.TemporaryDirectory(prefix="mtl-cli-faults-")


@pytest.fixture
def start(tmp_path: Path) -> Path:
    """A folder to start in, with a data set of 400 rows."""
    rng = np.random.default_rng(0)
    columns = {"shop": rng.integers(0, 5, 400), "price": rng.normal(size=400)}
    frame = pd.DataFrame(columns)
    frame["buy"] = (frame["price"] + rng.normal(size=400) > 0).astype(int)
    frame["like"] = (frame["price"] + rng.normal(size=400) > 1).astype(int)
    frame.to_csv(tmp_path / "rows.csv", index=False)
    (tmp_path / "conf" / "dataset").mkdir(parents=True)
    (tmp_path / "conf" / "dataset" / "small.yaml").write_text(DATASET)
    return tmp_path


@contextlib.contextmanager
def started_command(start: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Starts `mtl-train` on small jobs; kills it at the end of the block."""
    with subprocess.Popen(
        [sys.executable, "-m", "mtl_cli.cli.train", *SETTINGS, *arguments],
        cwd=start,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": python_path()},
        # In the background, pytest ignores Ctrl-C, and its children would inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@functools.cache
def python_path() -> str:
    """Returns PYTHONPATH with the folder of planted faults first."""
    (Path(FAULTS_FOLDER.name) / "sitecustomize.py").write_text(FAULTS)
    return os.pathsep.join([FAULTS_FOLDER.name, os.environ.get("PYTHONPATH", "")])


def run_sweep(start: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs a sweep of small jobs, on a fork server that all of these sweeps share."""
    command = ["-m", *SETTINGS, *arguments]
    return sweep_on_shared_fork_server(start, *command, python_path=python_path())


def run_sweep_cold(start: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs a sweep of small jobs as a shell does."""
    with started_command(start, "-m", *arguments) as process:
        out, err = process.communicate(timeout=300)
    return subprocess.CompletedProcess(arguments, process.returncode, out, err)


def job_folder(start: Path, seed: int, folder: str = "sweep") -> Path:
    """Returns the run folder of the job with a seed."""
    (run,) = (start / folder).glob(f"*seed={seed},*")
    return run


def status(run: Path) -> dict:
    return json.loads((run / "status.json").read_text())


def metrics(run: Path) -> dict:
    return json.loads((run / "metrics.json").read_text())


@pytest.mark.slow
def test_jobs_that_fail_die_or_exit_leave_the_others_alone(start: Path) -> None:
    ended = run_sweep(start, "seed=10,11,12,13,15", "hydra.sweep.dir=sweep")
    assert_planted_faults_are_alone(start, ended)


@pytest.mark.slow
def test_settings_of_a_dataset_are_shown_as_the_user_typed_them(start: Path) -> None:
    swept = "dataset.split_seed=3,4"
    ended = run_sweep(start, "seed=11", swept, "hydra.sweep.dir=sweep")
    assert ended.returncode == 1
    assert "++" not in ended.stdout + ended.stderr
    assert "dataset.split_seed=4" in ended.stdout
    assert "dataset.split_seed=4" in ended.stderr
    for log in (start / "sweep").glob("*/train.log"):
        assert "++" not in log.read_text()


def assert_planted_faults_are_alone(
    start: Path, ended: subprocess.CompletedProcess[str]
) -> None:
    """Checks a sweep of seeds 10 to 15 in which 11, 12 and 13 fail."""
    assert ended.returncode == 1, ended.stderr
    for seed in (10, 15):
        assert status(job_folder(start, seed))["status"] == "done"
        assert "auc" in metrics(job_folder(start, seed))["valid"]["buy"]
    reasons = {
        11: "planted",
        12: "3",
        13: "the process was killed by SIGKILL (out of memory?)",
    }
    for seed, reason in reasons.items():
        run = status(job_folder(start, seed))
        assert (run["status"], run["error"]) == ("failed", reason)
    assert "RuntimeError: planted" in (job_folder(start, 11) / "train.log").read_text()
    assert "SystemExit: 3" in (job_folder(start, 12) / "train.log").read_text()
    assert "killed by SIGKILL" in (job_folder(start, 13) / "train.log").read_text()
    lines = ended.stderr.splitlines()
    assert len(lines) == 3
    for seed, line in zip((11, 12, 13), sorted(lines), strict=True):
        assert line.startswith("mtl-train: error: job ")
        assert f"seed={seed}" in line


@pytest.mark.slow
def test_joblib_workers_outlive_jobs_that_die(start: Path) -> None:
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher", reason="extra parallel")
    ended = run_sweep(
        start,
        "seed=10,11,12,13,15",
        "hydra.sweep.dir=sweep",
        "hydra/launcher=joblib",
        "hydra.launcher.n_jobs=2",
    )
    assert_planted_faults_are_alone(start, ended)


@pytest.mark.slow
def test_jobs_cut_off_by_the_loss_of_a_joblib_process_are_named(start: Path) -> None:
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher", reason="extra parallel")
    command = ["-m", "seed=14,15,16", "hydra.sweep.dir=sweep", "hydra/launcher=joblib"]
    with started_command(start, *command, "hydra.launcher.n_jobs=2") as process:
        first_match_within_a_minute(lambda: start.glob("sleeping"))
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
        commands = {pid: Path(f"/proc/{pid}/cmdline") for pid in children.split()}
        workers = [p for p, c in commands.items() if b"popen_loky" in c.read_bytes()]
        os.kill(int(workers[0]), signal.SIGKILL)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 1
    lines = err.splitlines()
    assert "a process of joblib failed: " in lines[0] and "SIGKILL(-9)" in lines[0]
    assert "to go on: mtl-train" in lines[0]
    (line,) = [line for line in lines[1:] if "seed=14" in line]
    assert "cut off: a process of joblib failed" in line
    assert status(job_folder(start, 14))["status"] == "failed"
    (row,) = [line.split() for line in out.splitlines() if " seed=14 " in line][-1:]
    assert "0.0" not in row


@pytest.mark.slow
def test_jobs_of_a_killed_joblib_sweep_end_with_it(start: Path) -> None:
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher", reason="extra parallel")
    command = ["-m", "seed=14,15", "hydra.sweep.dir=sweep", "hydra/launcher=joblib"]
    with started_command(start, *command, "hydra.launcher.n_jobs=2") as process:
        first_match_within_a_minute(lambda: start.glob("sleeping"))
        process.kill()
    pid = read_record(start / "sweep" / RECORDS / "0.json").pid
    # The command line of a process that has ended is empty, or missing.
    command_line = Path(f"/proc/{pid}/cmdline")
    first_match_within_a_minute(
        lambda: () if command_line.exists() and command_line.read_bytes() else [pid]
    )


@pytest.fixture
def own_ray(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Isolates a test's Ray cluster from any other cluster of this machine."""
    pytest.importorskip("hydra_plugins.hydra_ray_launcher", reason="extra ray")
    # The paths of Ray's sockets must be short.
    with tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as name:
        monkeypatch.setenv("RAY_TMPDIR", name)
        yield


@pytest.mark.slow
def test_job_that_fails_under_submitit_is_a_row_and_runs_again(start: Path) -> None:
    pytest.importorskip("hydra_plugins.hydra_submitit_launcher", reason="extra slurm")
    assert_failed_job_runs_again_under(start, "submitit_local")


@pytest.mark.slow
@pytest.mark.usefixtures("own_ray")
def test_job_that_fails_under_ray_is_a_row_and_runs_again(start: Path) -> None:
    assert_failed_job_runs_again_under(start, "ray")


def assert_failed_job_runs_again_under(start: Path, launcher: str) -> None:
    """Runs a sweep twice under a launcher; the job with seed 11 fails both times."""
    command = ["seed=1,11", "hydra.sweep.dir=sweep", f"hydra/launcher={launcher}"]
    ended = run_sweep(start, *command)
    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert line.startswith("mtl-train: error: job 1 (")
    log = (job_folder(start, 11) / "train.log").relative_to(start)
    assert line.endswith(f"RuntimeError: planted; the traceback is in {log}")
    assert ended.stdout.count(" done in ") == 1
    assert ended.stdout.count(" failed in ") == 1
    assert "auc" in metrics(job_folder(start, 1))["valid"]["buy"]
    board = pd.read_csv(start / "sweep" / "leaderboard.csv", index_col="seed")
    assert board["status"].to_dict() == {1: "done", 11: "failed"}
    again = run_sweep(start, *command)
    assert again.returncode == 1
    assert again.stdout.count(" skipped, done before ") == 1
    assert again.stdout.count(" failed in ") == 1


@pytest.mark.slow
@pytest.mark.usefixtures("own_ray")
def test_ctrl_c_stops_jobs_under_ray_which_save(start: Path) -> None:
    command = ["-m", "seed=1,2,3,4,5,6", "hydra.sweep.dir=sweep", "hydra/launcher=ray"]
    command += ["trainer.epochs=9999", "trainer.patience=null"]
    with started_command(start, *command) as process:
        first_match_within_a_minute(lambda: (start / "sweep").glob("*/checkpoints/*"))
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.startswith("mtl-train: error: interrupted; jobs: ")
    assert " running " not in out
    states = [status(p.parent) for p in (start / "sweep").glob("*/status.json")]
    assert {state["status"] for state in states} == {"interrupted"}


@pytest.mark.slow
def test_ctrl_c_under_joblib_leaves_no_job_with_status_running(start: Path) -> None:
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher", reason="extra parallel")
    command = ["-m", "seed=14,15,16", "hydra.sweep.dir=sweep", "hydra/launcher=joblib"]
    with started_command(start, *command, "hydra.launcher.n_jobs=1") as process:
        first_match_within_a_minute(lambda: start.glob("sleeping"))
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.startswith("mtl-train: error: interrupted; jobs: ")
    assert "interrupted" in out
    assert " running " not in out


@pytest.mark.slow
@pytest.mark.usefixtures("own_ray")
def test_jobs_on_a_ray_cluster_run_where_the_sweep_was_started(
    start: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    with ray_cluster(elsewhere, python_path()):
        ended = run_sweep(
            start, "seed=1,2", "hydra.sweep.dir=sweep", "hydra/launcher=ray"
        )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.count(" done in ") == 2
    assert not (elsewhere / "sweep").exists()


@contextlib.contextmanager
def ray_cluster(folder: Path, python_path: str) -> Iterator[None]:
    """Runs a Ray cluster of one machine, started in a folder."""
    (port,) = free_ports(1)
    serve = [Path(sys.executable).with_name("ray"), "start", "--head", "--block"]
    serve += ["--num-cpus=2", "--include-dashboard=false", "--disable-usage-stats"]
    with subprocess.Popen(
        [*serve, f"--port={port}"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": python_path},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as cluster:
        try:
            assert cluster.stdout is not None
            assert any("runtime started" in line for line in cluster.stdout)
            yield
        finally:
            cluster.terminate()


@pytest.mark.slow
def test_search_survives_failed_trials_and_resumes_up_to_its_number_of_trials(
    start: Path,
) -> None:
    optuna = pytest.importorskip("optuna", reason="extra hpo")
    write_search(start, seed="choice(10,11,13)")
    search = ["sweep=seeds", "hydra.sweep.dir=sweep", "hydra.sweeper.n_trials=4"]
    search += ["trainer.patience=null"]
    ended = run_sweep(start, *search)
    assert ended.returncode == 1, ended.stderr
    states = trial_states(optuna, start)
    assert len(states) == 4
    assert 0 < states.count("FAIL") < 4
    seeds = trial_seeds(optuna, start)
    assert 13 in seeds  # the process of this job was killed
    for run in (start / "sweep").glob("*seed=*"):
        assert status(run)["status"] in ("done", "failed")
        assert "patience: null" in (run / "config.yaml").read_text()
    search[2] = "hydra.sweeper.n_trials=6"
    run_sweep(start, *search)
    assert trial_states(optuna, start).count("COMPLETE") <= 6
    assert len(trial_states(optuna, start)) == 4 + 6 - states.count("COMPLETE")
    num_killed = seeds.count(13)
    assert trial_seeds(optuna, start)[4 : 4 + num_killed] == [13] * num_killed
    write_search(start, seed="choice(10,11,13)", **{"trainer.monitor": "like"})
    other = run_sweep(start, *search)
    assert other.returncode == 2
    assert "the values of trainer.monitor, metrics have changed" in other.stderr


def write_search(start: Path, **params: str) -> None:
    """Writes the search `sweep=seeds`: the bundled search, but over `params`."""
    shipped = yaml.safe_load((conf_folder() / "sweep" / "optuna_ple.yaml").read_text())
    shipped["hydra"]["sweeper"]["params"] = params
    text = f"# @package _global_\n{yaml.safe_dump(shipped, sort_keys=False)}"
    (start / "conf" / "sweep").mkdir(exist_ok=True)
    (start / "conf" / "sweep" / "seeds.yaml").write_text(text)


@pytest.mark.slow
def test_search_gets_the_objectives_of_jobs_in_other_processes(start: Path) -> None:
    optuna = pytest.importorskip("optuna", reason="extra hpo")
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher", reason="extra parallel")
    write_search(start, seed="range(1,3)")
    search = ["sweep=seeds", "hydra.sweep.dir=sweep", "hydra.sweeper.n_trials=2"]
    ended = run_sweep(start, *search, "hydra/launcher=joblib", "trainer.monitor=buy")
    assert (ended.returncode, ended.stderr) == (0, "")
    study = optuna.load_study("search", f"sqlite:///{start}/sweep/optuna.db")
    for trial in study.trials:
        scores = metrics(job_folder(start, trial.params["seed"]))["valid"]
        assert trial.value == scores["buy"]["auc"]


@pytest.mark.slow
def test_key_of_all_swept_models_need_not_exist_in_the_default_model(
    start: Path,
) -> None:
    ended = run_sweep(
        start,
        "model=mmoe,omoe",
        "model.num_experts=3",
        "model.expert_units=[8,4]",
        "check_only=true",
        "hydra.sweep.dir=sweep",
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    for path in (start / "sweep").glob("*/config.yaml"):
        model = yaml.safe_load(path.read_text())["model"]
        assert (model["num_experts"], model["expert_units"]) == (3, [8, 4])
        assert "model.expert_units=_8,4_" in path.parent.name
    assert ended.stdout.count(" done in ") == 2


@pytest.mark.slow
def test_pairs_may_hold_nulls(start: Path) -> None:
    pytest.importorskip("hydra_plugins.list_sweeper_plugin", reason="extra hpo")
    params = "list_params: {trainer.patience: [null, 3], seed: [1, 2]}"
    write_sweep(start, params, "list")
    command = ["sweep=written", "hydra.sweep.dir=sweep", "check_only=true"]
    ended = run_sweep(start, *command)
    assert (ended.returncode, ended.stderr) == (0, "")
    patience = [
        yaml.safe_load((job_folder(start, seed) / "config.yaml").read_text())["trainer"]
        for seed in (1, 2)
    ]
    assert [trainer["patience"] for trainer in patience] == [None, 3]


def write_sweep(start: Path, params: str, sweeper: str = "basic") -> None:
    """Writes the YAML file of a sweep, to be chosen by `sweep=written`."""
    (start / "conf" / "sweep").mkdir()
    (start / "conf" / "sweep" / "written.yaml").write_text(
        "# @package _global_\n"
        f"defaults: [override /hydra/sweeper: {sweeper}]\n"
        f"hydra: {{mode: MULTIRUN, sweeper: {{{params}}}}}\n"
    )


@pytest.mark.slow
def test_unquoted_null_among_swept_values_is_refused(start: Path) -> None:
    write_sweep(start, "params: {trainer.patience: null, seed: '1,2'}")
    ended = run_sweep(start, "sweep=written")
    assert ended.returncode == 2
    (line,) = ended.stderr.splitlines()
    assert "'hydra.sweeper.params.trainer.patience' is not Optional" in line


def trial_states(optuna: Any, start: Path) -> list[str]:
    """Returns the states of the trials of the search in `sweep`."""
    study = optuna.load_study("search", f"sqlite:///{start}/sweep/optuna.db")
    return [trial.state.name for trial in study.trials]


def trial_seeds(optuna: Any, start: Path) -> list[int]:
    """Returns the seeds that the trials of the search in `sweep` have tried."""
    study = optuna.load_study("search", f"sqlite:///{start}/sweep/optuna.db")
    return [trial.params["seed"] for trial in study.trials]


@pytest.mark.slow
def test_job_of_a_sweep_gets_the_same_metrics_as_a_single_run(start: Path) -> None:
    assert run_sweep(start, "seed=1,2", "hydra.sweep.dir=sweep").returncode == 0
    alone = mtl_train(start, *SETTINGS, "seed=2", "hydra.run.dir=alone")
    assert alone.returncode == 0, alone.stderr
    assert metrics(start / "alone") == metrics(job_folder(start, 2))
    assert metrics(job_folder(start, 1)) != metrics(job_folder(start, 2))


@pytest.mark.slow
def test_killed_sweep_resumes_where_it_was_cut_off(start: Path) -> None:
    command = ["seed=1,5,3", "sweep.jobs=1", "hydra.sweep.dir=sweep"]
    command += ["trainer.epochs=20", "trainer.patience=null"]
    with started_command(start, "-m", *command):
        saved = "*seed=5,*/checkpoints/*"
        cut = first_match_within_a_minute(
            lambda: (start / "sweep").glob(saved)
        ).parents[1]
    record = json.loads((start / "sweep" / ".jobs" / "1.json").read_text())
    first_match_within_a_minute(
        lambda: [] if Path(f"/proc/{record['pid']}").exists() else [True]
    )
    assert status(cut)["status"] == "running"
    metrics_of_done_job = job_folder(start, 1) / "metrics.json"
    before = modification_time(metrics_of_done_job)
    ended = run_sweep(start, *command)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count(" skipped, done before ") == 1
    assert ended.stdout.count(" done in ") == 2
    assert modification_time(metrics_of_done_job) == before
    alone = ["seed=5", *command[3:], "hydra.sweep.dir=undisturbed"]
    assert run_sweep(start, *alone).returncode == 0
    assert metrics(cut) == metrics(job_folder(start, 5, "undisturbed"))


@pytest.mark.slow
def test_finished_sweep_starts_no_process_when_run_again(start: Path) -> None:
    command = ["seed=1,2", "hydra.sweep.dir=sweep"]
    assert run_sweep(start, *command).returncode == 0
    (start / "fork_server_started").unlink(missing_ok=True)
    ended = run_sweep_cold(start, *command)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.count(" skipped, done before ") == 2
    assert not (start / "fork_server_started").exists()


def first_match_within_a_minute(find: Callable[[], Iterable[Any]]) -> Any:
    """Calls `find` until it returns something; returns the first element."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for match in find():
            return match
        time.sleep(0.02)
    raise AssertionError("not within a minute")


def modification_time(path: Path) -> int:
    return path.stat().st_mtime_ns


@pytest.mark.slow
def test_same_sweep_again_refuses_jobs_whose_configuration_or_data_changed(
    start: Path,
) -> None:
    command = ["seed=1", "model=shared_bottom,mmoe", "hydra.sweep.dir=sweep"]
    assert run_sweep(start, *command).returncode == 0
    (start / "conf" / "model").mkdir()
    (start / "conf" / "model" / "mmoe.yaml").write_text(
        "name: mmoe\nnum_experts: 2\nexpert_units: [4]\ngate_units: []\n"
    )
    ended = run_sweep(start, *command)
    assert ended.returncode == 2
    (line,) = ended.stderr.splitlines()
    assert "model=mmoe" in line
    assert "model.num_experts was 8, is 2" in line
    with (start / "rows.csv").open("a") as file:
        file.write("1,0.5,1,1\n")
    ended = run_sweep(start, "seed=1", "model=shared_bottom", "hydra.sweep.dir=sweep")
    assert ended.returncode == 2
    assert "the data has changed since" in ended.stderr


@pytest.mark.slow
def test_sweep_without_jobs_is_refused(start: Path) -> None:
    ended = run_sweep(start, "seed=glob(*)")
    assert ended.returncode == 2
    assert "the sweep has no jobs" in ended.stderr
    assert ended.stdout == ""


WRONG = {
    "repeats=0": "repeats: 0 should be greater than or equal to 1",
    "repeats=two": "repeats: 'two' should be a valid integer",
    "compare.single_task=maybe": "single_task: 'maybe' should be a valid boolean",
    "sweep.jobs=x": "sweep.jobs: 'x' should be 'auto' or a valid integer",
}


@pytest.mark.parametrize("setting", slow_except(["repeats=0"], WRONG))
def test_wrong_key_of_a_sweep_is_reported_before_any_job_starts(
    setting: str, tmp_path: Path
) -> None:
    code, out, err, _ = refused(tmp_path, "-m", "seed=1,2", setting)
    assert (code, out) == (2, "")
    assert err.startswith("mtl-train: error: ")
    assert WRONG[setting] in err
    assert err.count("\n") == 1


@pytest.mark.slow
def test_job_with_a_wrong_configuration_is_a_row_of_the_leaderboard(
    start: Path,
) -> None:
    ended = run_sweep(start, "seed=x,1", "repeats=2", "hydra.sweep.dir=sweep")
    assert ended.returncode == 2
    warning = "warning: 1 of 2 jobs will fail, for example model=shared_bottom seed=x: "
    assert ended.stdout.startswith(warning)  # before the first job starts
    assert ended.stdout.count("warning: ") == 1
    (line,) = ended.stderr.splitlines()
    assert line.startswith("mtl-train: error: job 0 (")
    assert line.endswith("seed: 'x' should be a valid integer")
    assert ended.stdout.count(" done in ") == 2
    board = pd.read_csv(start / "sweep" / "leaderboard.csv", index_col="seed")
    assert board["status"].to_dict() == {"1": "done", "2": "done", "x": "failed"}
    assert board["error"]["x"] == "seed: 'x' should be a valid integer"
    assert ",seed=x," in board["run"]["x"]
    assert not list((start / "sweep").glob("*seed=x,*"))


@pytest.mark.slow
def test_jobs_are_checked_with_the_values_that_hydra_gives_them(start: Path) -> None:
    numbered = ["trainer.epochs=1,2", "seed=${hydra:job.num}", "check_only=true"]
    ended = run_sweep(start, *numbered, "hydra.sweep.dir=sweep")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "warning" not in ended.stdout
    seeds = [
        yaml.safe_load(p.read_text())["seed"] for p in start.glob("sweep/*/*.yaml")
    ]
    assert sorted(seeds) == [0, 1]
    wrong = "tasks=[${hydra:runtime.output_dir}]"
    ended = run_sweep(start, wrong, "hydra.sweep.dir=other")
    message = f"tasks: no task '{start / 'other'}' in dataset small"
    assert ended.returncode == 2
    assert message in ended.stderr
    assert message in ended.stdout.splitlines()[0]  # the warning


def test_wrong_jobs_are_named_before_they_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines: list[str] = []
    table = SimpleNamespace(print_line=lines.append, fixed_keys=set())
    sweep = SimpleNamespace(table=table, num_checked_jobs=0)
    monkeypatch.setattr(session, "current", sweep)

    def warnings_about(*jobs: list[str]) -> list[str]:
        lines.clear()
        with initialize_config_dir(str(conf_folder()), version_base="1.3"):
            config = compose("config", return_hydra_config=True)
            check_jobs(print, SimpleNamespace(config=config), list(jobs))
        return [line.removeprefix("warning: ") for line in lines]

    jobs = ["dataset.train=???"], ["seed=1", "repeats=x"], ["seed=1"]
    assert warnings_about(*jobs) == [
        "1 of 3 jobs will fail, for example dataset.train=???: dataset.train: the "
        "value is missing; set dataset.train=VALUE",
        "1 of 3 jobs will fail, for example seed=1 repeats=x: repeats: 'x' should be a "
        "valid integer",
    ]
    # Hydra goes on counting in the next batch.
    (line,) = warnings_about(["tasks=[t${hydra:job.num}]"])
    assert "no task 't3'" in line
    assert len(warnings_about(*([f"seed=-{n}"] for n in range(1, 9)))) == 5
    assert warnings_about(["seed=${oc.env:ONLY_IN_THE_JOB}"]) == []

    def raise_error(_: object) -> None:
        raise KeyError("a plugin's validator")

    monkeypatch.setattr("mtl_cli.config.check.check", raise_error)
    assert warnings_about(["seed=-1"]) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("check_only=true", "check_only: a search needs"),
        ("hydra.sweeper.direction=minimize", "hydra.sweeper.direction: a search takes"),
        ("trainer.monitor=buy,like", "trainer.monitor: all trials of a search need"),
        ("dataset.split_seed=1,2", "dataset.split_seed: all trials of a search need"),
    ],
)
def test_search_that_finds_nothing_is_refused(
    setting: str, message: str, start: Path
) -> None:
    search = ["hydra/sweeper=optuna", "hydra.sweep.dir=sweep", "seed=range(1,3)"]
    ended = run_sweep(start, *search, setting)
    assert (ended.returncode, ended.stdout) == (2, "")
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f"mtl-train: error: {message}")
    assert not (start / "sweep").exists()


@pytest.mark.slow
def test_sweep_of_runs_on_several_machines_is_refused(start: Path) -> None:
    strategy = "trainer.strategy=multi_worker"
    ended = run_sweep(start, "seed=1,2", strategy, "hydra.sweep.dir=sweep")
    assert (ended.returncode, ended.stdout) == (2, "")
    (line,) = ended.stderr.splitlines()
    assert line.startswith("mtl-train: error: trainer.strategy: multi_worker is for")
    assert not (start / "sweep").exists()


@pytest.mark.slow
def test_multi_worker_job_is_refused_while_the_other_jobs_run(start: Path) -> None:
    swept = "trainer.strategy=multi_worker,null,mirrored"
    command = ["seed=1", swept, "check_only=true", "hydra.sweep.dir=sweep"]
    ended = run_sweep(start, *command)
    assert ended.returncode == 2
    (line,) = ended.stderr.splitlines()
    assert line.startswith("mtl-train: error: job 0 (")
    assert line.endswith("each job of a sweep runs on one machine")
    assert ended.stdout.count(" done in ") == 2


@pytest.mark.slow
def test_folder_of_a_running_sweep_is_refused_to_another_sweep(start: Path) -> None:
    command = ["-m", "seed=14", "hydra.sweep.dir=sweep"]
    with started_command(start, *command) as first:
        first_match_within_a_minute(lambda: (start / "sweep" / ".jobs").glob("*.json"))
        ended = run_sweep(start, *command)
        assert first.poll() is None
    assert ended.returncode == 2
    assert "hydra.sweep.dir: another process is running in sweep" in ended.stderr


@pytest.mark.slow
def test_ctrl_c_stops_the_running_job_and_counts_the_jobs_by_state(start: Path) -> None:
    command = ["-m", "seed=1,14,2", "sweep.jobs=1", "hydra.sweep.dir=sweep"]
    with started_command(start, *command) as process:
        first_match_within_a_minute(lambda: start.glob("sleeping"))
        process.send_signal(signal.SIGINT)
        time.sleep(0.01)
        process.send_signal(signal.SIGINT)  # as `timeout` does
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    again = f"mtl-train {shlex.join([*SETTINGS, *command])}"
    assert err == (
        "mtl-train: error: interrupted; jobs: 1 done, 1 interrupted; "
        f"to go on: {again}\n"
    )
    assert status(job_folder(start, 14))["status"] == "interrupted"
    assert status(job_folder(start, 1))["status"] == "done"
    (line,) = [line for line in out.splitlines() if " interrupted in " in line]
    assert line.count("interrupted") == 1
    assert not list((start / "sweep").glob("*seed=2,*"))
    assert "try next:     mtl-compare sweep" in out


def test_second_signal_while_jobs_are_stopped_ends_the_process_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def handler_in_stop(reason: str) -> Any:
        return signal.getsignal(signal.SIGTERM)

    handlers = {number: signal.getsignal(number) for number in signals.SIGNALS}
    monkeypatch.setattr(session, "current", SimpleNamespace(stop=handler_in_stop))
    signals.install()
    try:
        assert stop_sweep() is signals._end
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


@pytest.mark.slow
def test_closed_terminal_stops_the_running_job_which_saves(start: Path) -> None:
    command = ["-m", *SETTINGS, "seed=1,14,2", "sweep.jobs=1", "hydra.sweep.dir=sweep"]
    with on_terminal(start, *command, PYTHONPATH=python_path()) as terminal:
        first_match_within_a_minute(lambda: start.glob("sleeping"))
        assert terminal.close() == 129
    assert status(job_folder(start, 14))["status"] == "interrupted"
    assert status(job_folder(start, 1))["status"] == "done"
    assert not list((start / "sweep").glob("*seed=2,*"))


@pytest.mark.slow
@pytest.mark.parametrize("signalled", ["group", "group and jobs"])
def test_sigterm_to_all_processes_of_a_sweep_stops_its_jobs_which_save(
    start: Path, signalled: str
) -> None:
    """`timeout` signals the group of a sweep; Slurm and systemd also signal the jobs.

    The jobs are not in the group of the sweep.
    """
    command = ["-m", "seed=1,2", "sweep.jobs=2", "hydra.sweep.dir=sweep"]
    command += ["trainer.batch_size=1", "trainer.epochs=20", "trainer.patience=null"]
    with started_command(start, *command) as process:
        for seed in (1, 2):
            saved = f"sweep/*seed={seed},*/checkpoints/*"
            first_match_within_a_minute(lambda saved=saved: start.glob(saved))
        if signalled == "group and jobs":
            for path in (start / "sweep" / RECORDS).glob("*.json"):
                os.kill(read_record(path).pid, signal.SIGTERM)
        os.killpg(process.pid, signal.SIGTERM)
        _, err = process.communicate(timeout=120)
    assert process.returncode == 143, err
    assert "stopped by SIGTERM; jobs: 2 interrupted; to go on: " in err
    for seed in (1, 2):
        run = job_folder(start, seed)
        assert status(run)["status"] == "interrupted"
        # The training stopped itself, after its checkpoint.
        assert "in stop_if_signalled" in (run / "train.log").read_text()
    again = run_sweep(start, *command[1:])
    assert again.returncode == 0, again.stderr
    for seed in (1, 2):
        assert "going on after" in (job_folder(start, seed) / "train.log").read_text()


@pytest.mark.slow
def test_ctrl_c_while_tensorflow_loads_ends_in_one_line(start: Path) -> None:
    with started_command(start, "-m", "seed=1,2", "hydra.sweep.dir=sweep") as process:
        first_match_within_a_minute(lambda: start.glob("fork_server_started"))
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
        for pid in [*map(int, children.split()), process.pid]:  # as a terminal does
            os.kill(pid, signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    # The line of the first job, which may have a record already.
    assert out in ("", "2 jobs, up to 2 at a time, in sweep\n")
    (line,) = err.splitlines()
    assert "interrupted; to go on: mtl-train " in line


@pytest.mark.slow
def test_ctrl_c_before_a_job_is_done_suggests_no_comparison(start: Path) -> None:
    command = ["-m", "seed=14", "repeats=3", "sweep.jobs=1", "resume=never"]
    with started_command(start, *command) as process:
        first_match_within_a_minute(lambda: start.glob("sleeping"))
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted; jobs: 1 interrupted; to go on: " in err
    assert "resume=never" not in err
    assert "mtl-compare" not in out


@pytest.mark.slow
def test_job_beyond_its_timeout_is_killed_and_reported(start: Path) -> None:
    ended = run_sweep(
        start, "seed=14,1", "sweep.timeout_minutes=0.4", "hydra.sweep.dir=sweep"
    )
    assert ended.returncode == 1
    assert "the job ran longer than sweep.timeout_minutes" in ended.stderr
    (seconds,) = re.findall(r"failed in ([\d.]+) s ", ended.stdout)
    assert float(seconds) >= 24  # 0.4 minutes
    assert status(job_folder(start, 14))["status"] == "failed"
    assert status(job_folder(start, 1))["status"] == "done"


@pytest.mark.slow
def test_repeats_run_seeds_of_each_job_with_their_twins_once(start: Path) -> None:
    ended = run_sweep(
        start,
        "model=mmoe,shared_bottom",
        "model.tower_units=[8]",
        "repeats=2",
        "compare.single_task=true",
        "hydra.sweep.dir=sweep",
    )
    assert ended.returncode == 0, ended.stderr
    models = {}
    for path in (start / "sweep").glob("*/config.yaml"):
        config = yaml.safe_load(path.read_text())
        model = config["model"]
        key = model["name"], str(model.get("bottom_units")), config["seed"]
        models[key] = model
    swept = {("mmoe", "None"), ("shared_bottom", "[128, 64]")}
    twins = {("single_task", "[64, 64]"), ("single_task", "[128, 64]")}
    assert set(models) == {(*m, seed) for m in swept | twins for seed in (1, 2)}
    assert all(model["tower_units"] == [8] for model in models.values())


def test_order_of_settings_does_not_change_the_sweep_folder() -> None:
    settings = ["seed=1,2", "trainer.epochs=3", "model=mmoe,ple"]
    assert sweep_name(settings) == sweep_name(settings[::-1])


def test_folder_of_a_job_begins_with_model_and_seed_and_keeps_them_when_cut() -> None:
    settings = ["encoder=dcn", "seed=2", "++dataset.train=a.csv", "model=mmoe"]
    name = "model=mmoe,seed=2,dataset.train=a.csv,encoder=dcn"
    assert job_name(settings) == job_name(settings[::-1]) == name
    long_path = f"++dataset.train={'a' * 100}.csv"
    assert job_name([long_path, *settings]).startswith("model=mmoe,seed=2,dataset.tr")


def test_cut_name_of_a_job_holds_what_differs_between_the_jobs(tmp_path: Path) -> None:
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        config = compose("config", return_hydra_config=True)
        task = [f"++dataset.train={'a' * 100}.csv", "model=mmoe,ple"]
        task += ["model.gate=choice(top_k)", "model.top_k=1,2"]
        config.hydra.overrides.task.extend(task)
        keys = keys_with_one_value(settings_by_key(config))
    assert keys == {"dataset.train", "model.gate"}
    job = [task[0], "model=mmoe", "model.gate=top_k", "model.top_k=2"]
    name = job_name(job, keys, tmp_path)
    assert name.startswith("model=mmoe,model.top_k=2,dataset.train=aaa")
    (tmp_path / name).mkdir()
    # A later sweep into the same folder, which varies another key, finds the job.
    # A sweep lists the folder once: to list it for each job took a minute.
    names_by_ending.cache_clear()
    assert job_name(job, {"model.top_k"}, tmp_path) == name
    (tmp_path / name).rmdir()
    assert job_name(job, {"model.top_k"}, tmp_path) == name


@pytest.mark.slow
def test_pattern_of_a_model_names_its_jobs_for_an_ensemble(
    start: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    swept = ["model=mmoe,shared_bottom", "seed=1,2", "hydra.sweep.dir=sweep"]
    assert run_sweep(start, *swept).returncode == 0
    monkeypatch.chdir(start)
    runs = map(str, Path().glob("sweep/model=mmoe*"))  # as in docs/how-to/sweeps.md
    command = [*runs, "--ensemble", "mean"]
    assert compare.compare(compare.arguments(command)) == 0
    averaged = json.loads(Path("mean/environment.json").read_text())["ensemble"]
    assert [run["seed"] for run in averaged] == [1, 2]


def test_launcher_does_not_change_the_sweep_folder() -> None:
    swept = ["model=mmoe,ple", "seed=1,2"]
    execution = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=4", "sweep.jobs=2"]
    assert sweep_name([*swept, *execution]) == sweep_name(swept)
    assert sweep_name([*swept, "hydra/sweeper=optuna"]) != sweep_name(swept)


@pytest.mark.slow
def test_jobs_share_one_folder_whose_name_holds_a_swept_key(start: Path) -> None:
    ended = run_sweep(start, "seed=2,3", "hydra.sweep.dir='o2_${seed}'")
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count(" done in ") == 2
    assert "sweep folder: o2_1" in ended.stdout
    assert [folder.name for folder in start.glob("o2*")] == ["o2_1"]
    assert len(pd.read_csv(start / "o2_1" / "leaderboard.csv")) == 2


def test_full_disk_behind_stdout_is_told_once_and_keeps_the_jobs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open("/dev/full", "w") as full:
        table = JobTable(tmp_path)
        monkeypatch.setattr(sys, "stdout", full)
        table.console = new_console()
        table.print_line("job 0 done")
        table.print_line("job 1 done")
    with (tmp_path / "lock").open("w") as lock:
        (failure,) = Session(tmp_path, table, lock).failures()
    assert failure == (
        "cannot write to stdout: No space left on device; the jobs went on, and their "
        f"runs are in {tmp_path}",
        1,
    )


@pytest.mark.parametrize("is_sweep_stopped", [False, True])
def test_job_that_runs_at_the_end_of_a_sweep_was_requeued(
    tmp_path: Path, is_sweep_stopped: bool
) -> None:
    JobRecord("0", "x", ["seed=1"], pid=os.getpid()).write(tmp_path)
    JobRecord("1", "y", ["seed=2"]).write(tmp_path)  # has not started
    if is_sweep_stopped:
        mark_as_stopped(tmp_path)
    with (tmp_path / "lock").open("w") as lock:
        failures = list(Session(tmp_path, JobTable(tmp_path), lock).failures())
    requeued = (
        "job 0 (seed=1): started again by the cluster, and still running; give the "
        "command again when it has ended"
    )
    assert failures == ([] if is_sweep_stopped else [(requeued, 1)])


def test_processes_that_start_sweeps_ignore_the_signals_of_slurm() -> None:
    numbers = [signal.SIGTERM, signal.SIGUSR2]
    usual = list(map(signal.getsignal, numbers))
    with job_processes.ignored_signals():
        assert list(map(signal.getsignal, numbers)) == [signal.SIG_IGN] * 2
    assert list(map(signal.getsignal, numbers)) == usual


def test_full_disk_under_the_folder_of_a_sweep_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (tmp_path / "lock").open("w") as lock:
        current = Session(tmp_path, JobTable(tmp_path), lock)
        monkeypatch.setattr(current, "stop", lambda reason="": False)
        monkeypatch.setattr(session, "current", current)
        full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        (failure,) = stop_jobs_after(full, [])  # Hydra writes multirun.yaml
    assert "No space left on device" in failure.message
    assert failure.code == 1


def test_jobs_with_fewer_tasks_come_after_the_jobs_with_all_tasks() -> None:
    both, one = {"click": 0.7, "buy": 0.8}, {"buy": 0.9}
    mean = {"mean auc": 0.75}  # shown, but not a task
    records = [
        JobRecord("0", "", [], "failed"),
        JobRecord("1", "", [], "done", scores=both, monitored=mean, objective=0.6),
        JobRecord("1.1", "", [], "done", scores=one, monitored=mean, objective=0.9),
        JobRecord("2", "", [], "done", scores=both, objective=0.7),
    ]
    found = [record.number for record in job_table.best_first(records)]
    assert found == ["2", "1", "1.1", "0"]


def test_jobs_of_other_tasks_are_not_sorted_among_the_others() -> None:
    # With `tasks=[click],[buy]`, the objectives of two tasks were sorted together.
    objectives = [("click", -0.8), ("buy", -0.5), ("click", -0.7), ("buy", -0.9)]
    records = [
        JobRecord(str(i), "", [], "done", scores={task: 0.7}, objective=value)
        for i, (task, value) in enumerate(objectives)
    ]
    found = [record.number for record in job_table.best_first(records)]
    assert found == ["2", "0", "1", "3"]


def test_jobs_of_another_monitor_or_other_rows_are_not_sorted_among_the_others() -> (
    None
):
    first, last = ("auc", 0.7), ("auc", 0.8)
    for others in [], [("ece", -0.01)], [("other rows", 0.9), ("ece", -0.01)]:
        records = [
            JobRecord(str(number), "", [], "done", objective=value, measure=measure)
            for number, (measure, value) in enumerate([first, *others, last])
        ]
        found = [int(record.number) for record in job_table.best_first(records)]
        assert found == [len(others) + 1, *range(len(others) + 1)]


def test_settings_of_validation_rows_leave_out_what_does_not_choose_them() -> None:
    values = {
        "name": "sm",
        "train": "sm.csv",
        "features": {"x": {"kind": "dense"}},
        "tasks": {"buy": {"label": "buy", "kind": "binary"}},
    }

    def settings(**changes: object) -> dict[str, str]:
        return row_settings(Dataset.model_validate(values | changes))

    held_out = settings()
    same_rows = {"name": "sm2", "test": "t.csv", "features": {"y": {"kind": "dense"}}}
    assert settings(**same_rows) == held_out
    on_clicks = {"buy": {"label": "buy", "kind": "binary", "space": "click"}}
    for change in (
        {"train": "b.csv"},
        {"split_seed": 1},
        {"valid_fraction": 0.2},
        {"tasks": on_clicks},
    ):
        assert settings(**change) != held_out
    of_file = settings(valid="v.csv")
    assert settings(valid="v.csv", train="b.csv", split_seed=1) == of_file
    assert settings(valid="v2.csv") != of_file


def printed_lines(table: JobTable) -> list[str]:
    """The lines that a table prints about the jobs that have ended since the last."""
    output = io.StringIO()
    table.console = rich.console.Console(file=output, width=200)
    table.print_ended_jobs()
    return output.getvalue().splitlines()


def test_line_of_a_job_leaves_out_the_settings_of_all_jobs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    title = "trainer.monitor (mean ne, lower is better)"
    records = [
        JobRecord(
            seed,
            "",
            ["dataset=shop", f"seed={seed}"],
            status="done",
            monitored={title: 0.5},
        )
        for seed in ("1", "2")
    ]
    table = JobTable(tmp_path, fixed_keys={"dataset"})
    for number_of_jobs in (1, 2):
        shown = records[:number_of_jobs]
        monkeypatch.setattr(job_table, "job_records", lambda _, shown=shown: shown)
        (line,) = printed_lines(table)
        assert line.endswith(f"seed={number_of_jobs}  trainer.monitor 0.5000")
        assert "dataset=shop" not in line
        cells = list(table.rich_table(shown).columns[1].cells)
        assert list(map(str, cells)) == ["seed=1", "seed=2"][:number_of_jobs]


def test_line_of_a_job_without_other_settings_shows_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = JobRecord("0", "", ["dataset=shop", "seed=1"], status="done")
    monkeypatch.setattr(job_table, "job_records", lambda _: [record])
    (line,) = printed_lines(JobTable(tmp_path, fixed_keys={"dataset", "seed"}))
    assert "dataset=shop seed=1" in line


def test_line_of_a_job_shows_the_settings_that_later_jobs_may_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rate = "optimizer.learning_rate=0.0027"
    # So far, the jobs of one point of a search have started: its two seeds.
    records = [
        JobRecord(f"0.{seed}", "", [rate, f"seed={seed}"], status=status)
        for seed, status in ((1, "done"), (2, "running"))
    ]
    monkeypatch.setattr(job_table, "job_records", lambda _: records)
    (line,) = printed_lines(JobTable(tmp_path))
    assert f"{rate} seed=1" in line


def test_folder_of_a_sweep_whose_last_start_had_nothing_to_do_is_taken(
    tmp_path: Path,
) -> None:
    (tmp_path / "seed=1").mkdir()
    (tmp_path / "seed=1" / "status.json").write_text('{"status": "done"}')
    with pytest.raises(ConfigError, match="is not the folder of a sweep"):
        check_sweep_folder(tmp_path)
    (tmp_path / ".jobs").mkdir()
    with pytest.raises(ConfigError, match="is not the folder of a sweep"):
        check_sweep_folder(tmp_path)
    (tmp_path / ".jobs" / "sweep").touch()  # as each start does
    check_sweep_folder(tmp_path)
    (tmp_path / ".jobs" / "notes.txt").write_text("mine")
    with pytest.raises(ConfigError, match="is not the folder of a sweep"):
        check_sweep_folder(tmp_path)


def test_damaged_record_of_a_running_job_is_a_failed_job(tmp_path: Path) -> None:
    record = JobRecord("0", "seed=1", ["seed=1"], pid=1)
    record.write(tmp_path)
    record.path(tmp_path).write_text("{")
    calls = {"join": lambda: None, "close": lambda: None}
    process = SimpleNamespace(**calls, exitcode=0, pid=1)
    job: Any = SimpleNamespace(record=record, sweep=tmp_path, folder=tmp_path / "x")
    running_job = job_processes.RunningJob(job, process, deadline=0.0, start=0.0)  # type: ignore[arg-type]
    job_processes.running.append(running_job)
    table = JobTable(tmp_path)
    assert table.records() == []
    job_processes.complete_record(running_job, is_late=False)
    (record,) = table.records()
    assert record.status == "failed"
    assert "0.json: " in record.error


def test_late_job_has_run_for_at_least_its_timeout(tmp_path: Path) -> None:
    JobRecord("0", "x", [], pid=1).write(tmp_path)  # the process has just begun
    job: Any = SimpleNamespace(
        record=JobRecord("0", "x", []), sweep=tmp_path, folder=tmp_path / "x"
    )
    calls = {"join": lambda: None, "close": lambda: None}
    process: Any = SimpleNamespace(**calls, exitcode=-9, pid=1)
    now = time.monotonic()
    late = job_processes.RunningJob(job, process, deadline=now - 1, start=now - 7)
    job_processes.running.append(late)
    job_processes.complete_record(late, is_late=True)
    (record,) = JobTable(tmp_path).records()
    assert "ran longer than sweep.timeout_minutes" in record.error
    assert record.seconds >= 7


def test_damaged_record_of_an_ended_job_does_not_stop_the_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    JobRecord("0", "seed=1", ["seed=1"], status="failed").write(tmp_path)
    (tmp_path / ".jobs" / "1.json").write_text("{")
    table = JobTable(tmp_path)
    (record,) = table.records()
    assert record.number == "0"
    table.thread = SimpleNamespace(join=lambda: None)  # type: ignore[assignment]
    table.stop()
    assert "1.json: " in capsys.readouterr().out


def test_table_has_stopped_before_the_best_trial_is_read_from_the_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    JobRecord("0", "seed=1", ["seed=1"], status="failed").write(tmp_path)
    table = JobTable(tmp_path)
    table.console = rich.console.Console(file=io.StringIO(), width=200)
    table.thread = SimpleNamespace(join=lambda: None)  # type: ignore[assignment]
    monkeypatch.setattr(
        optuna_search,
        "best_trial_message",
        lambda metrics: f"table has stopped: {table.is_over.is_set()}",
    )
    with (tmp_path / "lock").open("w") as lock:
        Session(tmp_path, table, lock).close()
    printed = table.console.file.getvalue()  # type: ignore[attr-defined]
    assert "table has stopped: True" in printed


def test_job_that_starts_while_the_sweep_is_stopped_is_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = JobRecord("0", "seed=1", ["seed=1"])
    stopped_job = job.Job(record, {}, {}, tmp_path, 0, {}, [])
    record.write(tmp_path)
    table = JobTable(tmp_path)
    table.thread = SimpleNamespace(join=lambda: None)  # type: ignore[assignment]
    # The job's process has not installed its handlers yet, so SIGINT has no effect.
    monkeypatch.setattr(job, "prepare_process", lambda job: None)
    monkeypatch.setattr(
        job_processes, "stop_all_jobs", lambda: job.run_job(stopped_job)
    )
    with (tmp_path / "lock").open("w") as lock:
        Session(tmp_path, table, lock).stop()
    ended = record.read(tmp_path)
    assert (ended.status, ended.code, ended.error) == (
        "interrupted",
        130,
        "interrupted",
    )


def test_sweep_whose_folder_was_removed_is_stopped(tmp_path: Path) -> None:
    sweep = tmp_path / "sweep"
    table = JobTable(sweep)
    table.thread = SimpleNamespace(join=lambda: None)  # type: ignore[assignment]
    with (tmp_path / "lock").open("w") as lock:
        assert not Session(sweep, table, lock).stop()
        assert lock.closed


def test_sweep_with_a_damaged_record_is_stopped(tmp_path: Path) -> None:
    JobRecord("0", "seed=1", ["seed=1"], status="failed").write(tmp_path)
    (tmp_path / ".jobs" / "1.json").write_text("{")
    table = JobTable(tmp_path)
    table.thread = SimpleNamespace(join=lambda: None)  # type: ignore[assignment]
    with (tmp_path / "lock").open("w") as lock:
        assert Session(tmp_path, table, lock).stop()
        assert lock.closed


def test_folder_in_place_of_the_leaderboard_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "leaderboard.csv").mkdir()
    record = JobRecord("0", "", ["seed=1"], status="done")
    monkeypatch.setattr(job_table, "job_records", lambda _: [record])
    table = JobTable(tmp_path)
    table.console = rich.console.Console(file=io.StringIO(), width=200)
    table.thread = SimpleNamespace(join=lambda: None)  # type: ignore[assignment]
    table.stop()
    printed = table.console.file.getvalue()  # type: ignore[attr-defined]
    assert "leaderboard.csv: Is a directory; mend that, and run the command" in printed
    assert f"sweep folder: {tmp_path}" in printed


def test_leaderboard_that_a_broken_plugin_prevents_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Path) -> None:
        raise ConfigError("tasks/broken.py: cannot be imported")

    record = JobRecord("0", "", ["seed=1"], status="done")
    monkeypatch.setattr(job_table, "job_records", lambda _: [record])
    monkeypatch.setattr(job_table, "write_leaderboard", fail)
    table = JobTable(tmp_path)
    table.console = rich.console.Console(file=io.StringIO(), width=200)
    table.update_leaderboard([record])
    table.thread = SimpleNamespace(join=lambda: None)  # type: ignore[assignment]
    table.stop()
    printed = table.console.file.getvalue()  # type: ignore[attr-defined]
    assert "warning: tasks/broken.py: cannot be imported\n" in printed


@pytest.mark.parametrize("width", [44, 80])
def test_live_table_keeps_one_line_per_job_and_whole_numbers_on_a_narrow_terminal(
    width: int, tmp_path: Path
) -> None:
    jobs = [
        JobRecord(
            str(number),
            "",
            ["trainer.epochs=2", f"seed={number}", "model.expert_units=[128,64,32]"],
            status="done",
            seconds=1234.5,
            scores={"income": 0.8765, "never": 0.0 + number / 10},
        )
        for number in range(3)
    ]
    console = rich.console.Console(width=width, file=io.StringIO())
    table = JobTable(tmp_path)
    console.print(table.rich_table(jobs, one_line=True))
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert max(map(len, lines)) <= width
    rows = [line.split() for line in lines if "done" in line]
    assert [row[0] for row in rows] == ["0", "1", "2"]
    assert len(lines) == 3 + 2 + 2  # jobs, header and rule, empty lines around
    assert [row[-3:] for row in rows] == [
        ["1234.5", "0.8765", f"{number / 10:.4f}"] for number in range(3)
    ]


@pytest.mark.slow
def test_many_jobs_leave_no_memory_or_files_behind(start: Path) -> None:
    sizes = []
    command = ["-m", "seed=range(100,180)", "hydra.sweep.dir=sweep"]
    with started_command(start, *command) as process:
        for number in (20, 75):
            wait_for_job(start / "sweep" / ".jobs" / f"{number}.json")
            descriptors = len(list(Path(f"/proc/{process.pid}/fd").iterdir()))
            pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
            sizes.append((descriptors, pages * 4096 / 1e6))
        _, err = process.communicate(timeout=900)
    assert process.returncode == 0, err
    (files, megabytes), (files_later, megabytes_later) = sizes
    assert abs(files_later - files) <= 4  # of the jobs that run at that moment
    assert megabytes_later - megabytes < 11  # 0.2 MB for each of 55 jobs


def wait_for_job(record: Path) -> None:
    deadline = time.monotonic() + 900
    while not record.exists():
        assert time.monotonic() < deadline
        time.sleep(0.2)
