"""Sweeps: jobs that cannot hurt each other, and that go on where they were cut off."""

import contextlib
import io
import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import rich.console
import yaml
from helpers.commands import refused

from mtl_cli.core.paths import conf_folder
from mtl_cli.distributed.child_processes import free_ports
from mtl_cli.runs.job_records import JobRecord
from mtl_cli.sweep.folder_names import sweep_name
from mtl_cli.sweep.job_table import Table

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

# Python runs it at every start, in the fork server too.
FAULTS = """
import os, sys, time
if any("forkserver" in word for word in sys.orig_argv):
    open("served", "w").close()
import mtl_cli.runs.run as module
real = module.run
def run(config, *others):
    if config.seed == 11:
        raise RuntimeError("planted")
    if config.seed == 12:
        sys.exit(3)
    if config.seed == 13:
        os.kill(os.getpid(), 9)
    if config.seed == 14:
        open("sleeping", "w").close()
        time.sleep(600)
    return real(config, *others)
module.run = run
"""


@pytest.fixture
def start(tmp_path: Path) -> Path:
    """A folder to start in, with a data set of 400 rows and planted faults."""
    rng = np.random.default_rng(0)
    columns = {"shop": rng.integers(0, 5, 400), "price": rng.normal(size=400)}
    frame = pd.DataFrame(columns)
    frame["buy"] = (frame["price"] + rng.normal(size=400) > 0).astype(int)
    frame["like"] = (frame["price"] + rng.normal(size=400) > 1).astype(int)
    frame.to_csv(tmp_path / "rows.csv", index=False)
    (tmp_path / "conf" / "dataset").mkdir(parents=True)
    (tmp_path / "conf" / "dataset" / "small.yaml").write_text(DATASET)
    (tmp_path / "faults").mkdir()
    (tmp_path / "faults" / "sitecustomize.py").write_text(FAULTS)
    return tmp_path


@contextlib.contextmanager
def begun(start: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Begins runs of small jobs; in the end they are over."""
    with subprocess.Popen(
        [sys.executable, "-m", "mtl_cli.cli.train", *SETTINGS, *arguments],
        cwd=start,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": python_path(start)},
        # A test run in the background would hand its deafness to Ctrl-C on.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def python_path(start: Path) -> str:
    """Returns PYTHONPATH with the planted faults first."""
    return os.pathsep.join([str(start / "faults"), os.environ.get("PYTHONPATH", "")])


def sweep(start: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs a sweep of small jobs."""
    with begun(start, "-m", *arguments) as process:
        out, err = process.communicate(timeout=300)
    return subprocess.CompletedProcess(arguments, process.returncode, out, err)


def job(start: Path, seed: int, folder: str = "sweep") -> Path:
    """Returns the run folder of a seed."""
    (found,) = (start / folder).glob(f"*seed={seed},*")
    return found


def status(run: Path) -> dict:
    return json.loads((run / "status.json").read_text())


def metrics(run: Path) -> dict:
    return json.loads((run / "metrics.json").read_text())


def test_jobs_that_fail_die_or_exit_leave_the_others_alone(start: Path) -> None:
    told = sweep(start, "seed=10,11,12,13,15,16", "hydra.sweep.dir=sweep")
    check_faults(start, told)


def test_settings_of_a_dataset_are_shown_as_they_were_given(start: Path) -> None:
    given = "dataset.split_seed=3,4"
    told = sweep(start, "seed=11", given, "hydra.sweep.dir=sweep")
    assert told.returncode == 1
    assert "++" not in told.stdout + told.stderr
    assert "dataset.split_seed=4" in told.stdout
    assert "dataset.split_seed=4" in told.stderr
    for log in (start / "sweep").glob("*/train.log"):
        assert "++" not in log.read_text()


def check_faults(start: Path, told: subprocess.CompletedProcess[str]) -> None:
    """Checks a sweep of seeds 10 to 16 in which 11, 12 and 13 fail."""
    assert told.returncode == 1, told.stderr
    for seed in (10, 15, 16):
        assert status(job(start, seed))["status"] == "done"
        assert "auc" in metrics(job(start, seed))["valid"]["buy"]
    reasons = {11: "planted", 12: "3", 13: "killed by SIGKILL (out of memory?)"}
    for seed, reason in reasons.items():
        found = status(job(start, seed))
        assert (found["status"], found["error"]) == ("failed", reason)
    assert "RuntimeError: planted" in (job(start, 11) / "train.log").read_text()
    assert "SystemExit: 3" in (job(start, 12) / "train.log").read_text()
    assert "killed by SIGKILL" in (job(start, 13) / "train.log").read_text()
    lines = told.stderr.splitlines()
    assert len(lines) == 3
    for seed, line in zip((11, 12, 13), sorted(lines), strict=True):
        assert line.startswith("mtl-train: error: job ")
        assert f"seed={seed}" in line


@pytest.mark.slow
def test_joblib_workers_outlive_jobs_that_die(start: Path) -> None:
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher", reason="extra parallel")
    told = sweep(
        start,
        "seed=10,11,12,13,15,16",
        "hydra.sweep.dir=sweep",
        "hydra/launcher=joblib",
        "hydra.launcher.n_jobs=2",
    )
    check_faults(start, told)


@pytest.fixture
def own_ray(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Lets Ray know of no cluster but a test's, and nobody else of that."""
    pytest.importorskip("hydra_plugins.hydra_ray_launcher", reason="extra ray")
    # Its sockets' paths must be short.
    with tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as name:
        monkeypatch.setenv("RAY_TMPDIR", name)
        yield


@pytest.mark.slow
def test_job_that_fails_under_submitit_is_a_row_and_runs_again(start: Path) -> None:
    pytest.importorskip("hydra_plugins.hydra_submitit_launcher", reason="extra slurm")
    check_launcher(start, "submitit_local")


@pytest.mark.slow
@pytest.mark.usefixtures("own_ray")
def test_job_that_fails_under_ray_is_a_row_and_runs_again(start: Path) -> None:
    check_launcher(start, "ray")


def check_launcher(start: Path, launcher: str) -> None:
    """Checks a sweep under a launcher, and the same again, in which seed 11 fails."""
    command = ["seed=1,11", "hydra.sweep.dir=sweep", f"hydra/launcher={launcher}"]
    told = sweep(start, *command)
    assert told.returncode == 1
    (line,) = told.stderr.splitlines()
    assert line.startswith("mtl-train: error: job 1 (")
    assert line.endswith("RuntimeError: planted; the traceback is in train.log")
    assert told.stdout.count(" done in ") == 1
    assert told.stdout.count(" failed in ") == 1
    assert "auc" in metrics(job(start, 1))["valid"]["buy"]
    board = pd.read_csv(start / "sweep" / "leaderboard.csv", index_col="seed")
    assert board["status"].to_dict() == {1: "done", 11: "failed"}
    again = sweep(start, *command)
    assert again.returncode == 1
    assert again.stdout.count(" skipped, done before ") == 1
    assert again.stdout.count(" failed in ") == 1


@pytest.mark.slow
@pytest.mark.usefixtures("own_ray")
def test_ctrl_c_stops_jobs_under_ray_which_save(start: Path) -> None:
    command = ["-m", "seed=1,2,3,4,5,6", "hydra.sweep.dir=sweep", "hydra/launcher=ray"]
    command += ["trainer.epochs=9999", "trainer.patience=null"]
    with begun(start, *command) as process:
        wait_for(lambda: (start / "sweep").glob("*/checkpoints/*"))
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.startswith("mtl-train: error: interrupted; jobs: ")
    assert " running " not in out
    states = [status(p.parent) for p in (start / "sweep").glob("*/status.json")]
    assert {state["status"] for state in states} == {"interrupted"}


@pytest.mark.slow
def test_ctrl_c_under_joblib_leaves_no_job_that_seems_to_run(start: Path) -> None:
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher", reason="extra parallel")
    command = ["-m", "seed=14,15,16", "hydra.sweep.dir=sweep", "hydra/launcher=joblib"]
    with begun(start, *command, "hydra.launcher.n_jobs=1") as process:
        wait_for(lambda: start.glob("sleeping"))
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
    with ray_cluster(elsewhere, python_path(start)):
        told = sweep(
            start,
            "seed=1,2",
            "hydra.sweep.dir=sweep",
            "hydra/launcher=ray",
        )
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout.count(" done in ") == 2
    assert not (elsewhere / "sweep").exists()


@contextlib.contextmanager
def ray_cluster(folder: Path, python_path: str) -> Iterator[None]:
    """Runs a cluster of one machine, started in a folder."""
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
def test_search_outlives_trials_that_die_and_goes_on_to_its_number_of_trials(
    start: Path,
) -> None:
    optuna = pytest.importorskip("optuna", reason="extra hpo")
    shipped = yaml.safe_load((conf_folder() / "sweep" / "optuna_ple.yaml").read_text())
    shipped["hydra"]["sweeper"]["params"] = {"seed": "range(10,13)"}
    text = f"# @package _global_\n{yaml.safe_dump(shipped, sort_keys=False)}"
    (start / "conf" / "sweep").mkdir()
    (start / "conf" / "sweep" / "seeds.yaml").write_text(text)
    search = ["sweep=seeds", "hydra.sweep.dir=sweep", "hydra.sweeper.n_trials=4"]
    search += ["trainer.patience=null"]
    told = sweep(start, *search)
    assert told.returncode == 1, told.stderr
    states = trial_states(optuna, start)
    assert len(states) == 4
    assert 0 < states.count("FAIL") < 4
    for run in (start / "sweep").glob("*seed=*"):
        assert status(run)["status"] in ("done", "failed")
        assert "patience: null" in (run / "config.yaml").read_text()
    search[2] = "hydra.sweeper.n_trials=6"
    sweep(start, *search)
    assert trial_states(optuna, start).count("COMPLETE") <= 6
    assert len(trial_states(optuna, start)) == 4 + 6 - states.count("COMPLETE")


def test_key_of_all_swept_models_need_not_be_the_default_models(start: Path) -> None:
    told = sweep(
        start,
        "model=mmoe,omoe",
        "model.num_experts=3",
        "model.expert_units=[8,4]",
        "check_only=true",
        "hydra.sweep.dir=sweep",
    )
    assert (told.returncode, told.stderr) == (0, "")
    for path in (start / "sweep").glob("*/config.yaml"):
        model = yaml.safe_load(path.read_text())["model"]
        assert (model["num_experts"], model["expert_units"]) == (3, [8, 4])
        assert "model.expert_units=_8,4_" in path.parent.name
        assert ",model.num_experts=3" in path.parent.name
    assert told.stdout.count(" done in ") == 2


def test_pairs_may_hold_nulls(start: Path) -> None:
    pytest.importorskip("hydra_plugins.list_sweeper_plugin", reason="extra hpo")
    params = "list_params: {trainer.patience: [null, 3], seed: [1, 2]}"
    write_sweep(start, params, "list")
    told = sweep(start, "sweep=written", "hydra.sweep.dir=sweep")
    assert (told.returncode, told.stderr) == (0, "")
    patience = [
        yaml.safe_load((job(start, seed) / "config.yaml").read_text())["trainer"]
        for seed in (1, 2)
    ]
    assert [trainer["patience"] for trainer in patience] == [None, 3]


def write_sweep(start: Path, params: str, sweeper: str = "basic") -> None:
    """Writes a sweep's YAML, for `sweep=written`."""
    (start / "conf" / "sweep").mkdir()
    (start / "conf" / "sweep" / "written.yaml").write_text(
        "# @package _global_\n"
        f"defaults: [override /hydra/sweeper: {sweeper}]\n"
        f"hydra: {{mode: MULTIRUN, sweeper: {{{params}}}}}\n"
    )


def test_null_in_what_a_search_goes_over_is_told_to_be_quoted(start: Path) -> None:
    write_sweep(start, "params: {trainer.patience: null, seed: '1,2'}")
    told = sweep(start, "sweep=written")
    assert told.returncode == 2
    assert told.stderr == (
        "mtl-train: error: hydra.sweeper.params.trainer.patience: is text to Hydra, "
        "which has no null; quote it: 'null'\n"
    )


def trial_states(optuna: Any, start: Path) -> list[str]:
    """Returns the states of a search's trials."""
    study = optuna.load_study("search", f"sqlite:///{start}/sweep/optuna.db")
    return [trial.state.name for trial in study.trials]


def test_job_in_a_sweep_has_the_numbers_of_a_run_alone(start: Path) -> None:
    assert sweep(start, "seed=1,2,3", "hydra.sweep.dir=sweep").returncode == 0
    with begun(start, "seed=2", "hydra.run.dir=alone") as alone:
        assert alone.wait(timeout=60) == 0
    assert metrics(start / "alone") == metrics(job(start, 2))
    assert metrics(job(start, 1)) != metrics(job(start, 2))


def test_killed_sweep_goes_on_where_it_was_cut_off(start: Path) -> None:
    command = ["seed=1,2,5,3,4", "sweep.jobs=1", "hydra.sweep.dir=sweep"]
    command += ["trainer.epochs=60", "trainer.patience=null"]
    with begun(start, "-m", *command):
        saved = "*seed=5,*/checkpoints/*"
        cut = wait_for(lambda: (start / "sweep").glob(saved)).parents[1]
    record = json.loads((start / "sweep" / ".jobs" / "2.json").read_text())
    wait_for(lambda: [] if Path(f"/proc/{record['pid']}").exists() else [True])
    assert status(cut)["status"] == "running"
    before = {s: changed(job(start, s) / "metrics.json") for s in (1, 2)}
    told = sweep(start, *command)
    assert told.returncode == 0, told.stderr
    assert told.stdout.count(" skipped, done before ") == 2
    assert told.stdout.count(" done in ") == 3
    for seed, moment in before.items():
        assert changed(job(start, seed) / "metrics.json") == moment
    alone = ["seed=5", *command[3:], "hydra.sweep.dir=undisturbed"]
    assert sweep(start, *alone).returncode == 0
    assert metrics(cut) == metrics(job(start, 5, "undisturbed"))


def test_sweep_that_is_done_starts_no_process_to_say_so(start: Path) -> None:
    command = ["seed=1,2", "hydra.sweep.dir=sweep"]
    assert sweep(start, *command).returncode == 0
    (start / "served").unlink()
    told = sweep(start, *command)
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout.count(" skipped, done before ") == 2
    assert not (start / "served").exists()


def wait_for(find: Callable[[], Iterable[Any]]) -> Any:
    """Returns the first thing found, which must be there within a minute."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for found in find():
            return found
        time.sleep(0.02)
    raise AssertionError("not within a minute")


def changed(path: Path) -> int:
    return path.stat().st_mtime_ns


def test_same_sweep_again_refuses_jobs_whose_configuration_or_data_changed(
    start: Path,
) -> None:
    command = ["seed=1", "model=shared_bottom,mmoe", "hydra.sweep.dir=sweep"]
    assert sweep(start, *command).returncode == 0
    (start / "conf" / "model").mkdir()
    (start / "conf" / "model" / "mmoe.yaml").write_text(
        "name: mmoe\nnum_experts: 2\nexpert_units: [4]\ngate_units: []\n"
    )
    told = sweep(start, *command)
    assert told.returncode == 2
    (line,) = told.stderr.splitlines()
    assert "model=mmoe" in line
    assert "model.num_experts was 8, is 2" in line
    with (start / "rows.csv").open("a") as file:
        file.write("1,0.5,1,1\n")
    told = sweep(start, "seed=1", "model=shared_bottom", "hydra.sweep.dir=sweep")
    assert told.returncode == 2
    assert "the data has changed since" in told.stderr


def test_sweep_without_jobs_is_refused(start: Path) -> None:
    told = sweep(start, "seed=glob(*)")
    assert told.returncode == 2
    assert "the sweep has no jobs" in told.stderr
    assert told.stdout == ""


@pytest.mark.parametrize(
    ("setting", "told"),
    {
        "repeats=0": "repeats: 0 should be greater than or equal to 1",
        "repeats=two": "repeats: 'two' should be a valid integer",
        "compare.single_task=maybe": "single_task: 'maybe' should be a valid boolean",
        "sweep.jobs=x": "sweep.jobs: 'x' should be 'auto' or should be a valid integer",
    }.items(),
)
def test_wrong_key_of_a_sweep_is_named_before_its_jobs(
    setting: str, told: str, tmp_path: Path
) -> None:
    code, out, err, _ = refused(tmp_path, "-m", "seed=1,2", setting)
    assert (code, out) == (2, "")
    assert err.startswith("mtl-train: error: ")
    assert told in err
    assert err.count("\n") == 1


def test_job_with_a_wrong_configuration_is_a_row_of_the_leaderboard(
    start: Path,
) -> None:
    told = sweep(start, "seed=x,1", "repeats=2", "hydra.sweep.dir=sweep")
    assert told.returncode == 2
    (line,) = told.stderr.splitlines()
    assert line.startswith("mtl-train: error: job 0 (")
    assert line.endswith("seed: 'x' should be a valid integer")
    assert told.stdout.count(" done in ") == 2
    board = pd.read_csv(start / "sweep" / "leaderboard.csv", index_col="seed")
    assert board["status"].to_dict() == {"1": "done", "2": "done", "x": "failed"}
    assert board["error"]["x"] == "seed: 'x' should be a valid integer"
    assert ",seed=x," in board["run"]["x"]


def test_search_that_trains_nothing_is_refused(start: Path) -> None:
    searched = ["hydra/sweeper=optuna", "hydra.sweep.dir=sweep", "seed=range(1,3)"]
    told = sweep(start, *searched, "check_only=true")
    assert (told.returncode, told.stdout) == (2, "")
    (line,) = told.stderr.splitlines()
    assert line.startswith("mtl-train: error: check_only: a search needs")
    assert not (start / "sweep").exists()


def test_sweep_of_runs_on_several_machines_is_refused(start: Path) -> None:
    several = "trainer.strategy=multi_worker"
    told = sweep(start, "seed=1,2", several, "hydra.sweep.dir=sweep")
    assert (told.returncode, told.stdout) == (2, "")
    (line,) = told.stderr.splitlines()
    assert line.startswith("mtl-train: error: trainer.strategy: multi_worker is for")
    assert not (start / "sweep").exists()


def test_jobs_on_one_machine_go_on_beside_one_for_several(start: Path) -> None:
    swept = "trainer.strategy=multi_worker,null,mirrored"
    told = sweep(start, "seed=1", swept, "hydra.sweep.dir=sweep")
    assert told.returncode == 2
    (line,) = told.stderr.splitlines()
    assert line.startswith("mtl-train: error: job 0 (")
    assert line.endswith("a sweep's jobs each run on one")
    assert told.stdout.count(" done in ") == 2


def test_folder_of_a_running_sweep_is_not_taken_by_another(start: Path) -> None:
    command = ["-m", "seed=14", "hydra.sweep.dir=sweep"]
    with begun(start, *command) as first:
        wait_for(lambda: (start / "sweep" / ".jobs").glob("*.json"))
        told = sweep(start, *command)
        assert first.poll() is None
    assert told.returncode == 2
    assert "hydra.sweep.dir: another process is running in sweep" in told.stderr


def test_ctrl_c_stops_the_running_job_and_tells_what_is_done(start: Path) -> None:
    command = ["-m", "seed=1,14,2", "sweep.jobs=1", "hydra.sweep.dir=sweep"]
    with begun(start, *command) as process:
        wait_for(lambda: start.glob("sleeping"))
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    again = f"mtl-train {shlex.join([*SETTINGS, *command])}"
    assert err == (
        "mtl-train: error: interrupted; jobs: 1 done, 1 interrupted, 1 not started; "
        f"to go on: {again}\n"
    )
    assert status(job(start, 14))["status"] == "interrupted"
    assert status(job(start, 1))["status"] == "done"
    (line,) = [line for line in out.splitlines() if " interrupted in " in line]
    assert line.count("interrupted") == 1
    assert not list((start / "sweep").glob("*seed=2,*"))
    assert "try next:     mtl-compare sweep" in out


def test_ctrl_c_while_tensorflow_loads_is_told_in_one_line(start: Path) -> None:
    with begun(start, "-m", "seed=1,2", "hydra.sweep.dir=sweep") as process:
        wait_for(lambda: start.glob("served"))
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
        for pid in [*map(int, children.split()), process.pid]:  # as a terminal does
            os.kill(pid, signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    (line,) = err.splitlines()
    assert "interrupted; jobs: 2 not started; to go on: mtl-train " in line


def test_ctrl_c_before_a_job_is_done_offers_no_comparison(start: Path) -> None:
    command = ["-m", "seed=14", "repeats=3", "sweep.jobs=1", "resume=never"]
    with begun(start, *command) as process:
        wait_for(lambda: start.glob("sleeping"))
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted; jobs: 1 interrupted, 2 not started; to go on: " in err
    assert "resume=never" not in err
    assert "mtl-compare" not in out


@pytest.mark.slow
def test_job_out_of_time_is_killed_and_named(start: Path) -> None:
    told = sweep(
        start, "seed=14,1", "sweep.timeout_minutes=0.1", "hydra.sweep.dir=sweep"
    )
    assert told.returncode == 1
    assert "out of time (sweep.timeout_minutes)" in told.stderr
    assert status(job(start, 14))["status"] == "failed"
    assert status(job(start, 1))["status"] == "done"


@pytest.mark.slow
def test_repeats_run_seeds_of_each_job_with_their_twins_once(start: Path) -> None:
    told = sweep(
        start,
        "model=mmoe,shared_bottom",
        "model.tower_units=[8]",
        "repeats=2",
        "compare.single_task=true",
        "hydra.sweep.dir=sweep",
    )
    assert told.returncode == 0, told.stderr
    found = {}
    for path in (start / "sweep").glob("*/config.yaml"):
        config = yaml.safe_load(path.read_text())
        model = config["model"]
        key = model["name"], str(model.get("bottom_units")), config["seed"]
        found[key] = model
    mine = {("mmoe", "None"), ("shared_bottom", "[128, 64]")}
    twins = {("single_task", "[64, 64]"), ("single_task", "[128, 64]")}
    assert set(found) == {(*m, seed) for m in mine | twins for seed in (1, 2)}
    assert all(model["tower_units"] == [8] for model in found.values())


def test_sweep_has_one_folder_whatever_launches_it() -> None:
    swept = ["model=mmoe,ple", "seed=1,2"]
    how = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=4", "sweep.jobs=2"]
    assert sweep_name([*swept, *how]) == sweep_name(swept)
    assert sweep_name([*swept, "hydra/sweeper=optuna"]) != sweep_name(swept)


@pytest.mark.parametrize("width", [44, 80])
def test_live_table_has_a_line_a_job_and_whole_numbers_on_a_narrow_terminal(
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
    table = Table(tmp_path)
    console.print(table.cells(jobs, one_line=True))
    told = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert max(map(len, told)) <= width
    rows = [line.split() for line in told if "done" in line]
    assert [row[0] for row in rows] == ["0", "1", "2"]
    assert len(told) == 3 + 2 + 2  # jobs, a head with its rule, an empty line around
    assert [row[-3:] for row in rows] == [
        ["1234.5", "0.8765", f"{number / 10:.4f}"] for number in range(3)
    ]


@pytest.mark.slow
def test_many_jobs_leave_no_memory_or_files_behind(start: Path) -> None:
    sizes = []
    command = ["-m", "seed=range(100,300)", "hydra.sweep.dir=sweep"]
    with begun(start, *command) as process:
        for number in (40, 190):
            wait_for_job(start / "sweep" / ".jobs" / f"{number}.json")
            descriptors = len(list(Path(f"/proc/{process.pid}/fd").iterdir()))
            pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
            sizes.append((descriptors, pages * 4096 / 1e6))
        _, err = process.communicate(timeout=900)
    assert process.returncode == 0, err
    (files, megabytes), (files_later, megabytes_later) = sizes
    assert abs(files_later - files) <= 4  # of the jobs that run at that moment
    assert megabytes_later - megabytes < 30  # 150 configurations, 0.1 MB each


def wait_for_job(record: Path) -> None:
    deadline = time.monotonic() + 900
    while not record.exists():
        assert time.monotonic() < deadline
        time.sleep(0.2)
