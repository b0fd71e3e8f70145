"""`mtl_cli.train`: a run in a process of its own."""

import contextlib
import io
import json
import logging
import os
import random
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import pytest
from helpers.commands import mtl_train, wait_for
from helpers.interrupted_runs import SMALL, has_logged

import mtl_cli
from mtl_cli.api import child_process
from mtl_cli.core import signals
from mtl_cli.core.run_status import status_of

TINY = ["dataset=synthetic_mmoe", "dataset.train_rows=2000", "dataset.test_rows=500"]
TINY += ["model=shared_bottom", "trainer.compile=false", "trainer.patience=null"]
LONG = [*SMALL, "trainer.epochs=400"]
WAIT_SECONDS = 120


@pytest.fixture(autouse=True)
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that runs start in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def process_state() -> dict[str, object]:
    """Returns the parts of the caller's process that a training might change."""
    return {
        "folder": os.getcwd(),
        "environment": dict(os.environ),
        "arguments": list(sys.argv),
        "path": list(sys.path),
        "signals": [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)],
        "log level": logging.root.level,
        "log handlers": list(logging.root.handlers),
        "random": random.getstate(),
        "dtype policy": keras.config.dtype_policy().name,
        "keras": keras.config.image_data_format(),
    }


@pytest.fixture(scope="module")
def two_runs(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """Two trainings, one after the other, and what they print and change."""
    start = tmp_path_factory.mktemp("start")
    output, errors = io.StringIO(), io.StringIO()
    with (
        contextlib.chdir(start),
        contextlib.redirect_stdout(output),
        contextlib.redirect_stderr(errors),
    ):
        before = process_state()
        first = mtl_cli.train(*TINY, trainer={"epochs": 1}, seed=3)
        second = mtl_cli.train(*TINY, trainer={"epochs": 2}, seed=3)
        after = process_state()
    return SimpleNamespace(
        start=start,
        runs=[first, second],
        states=[before, after],
        output=output.getvalue(),
        errors=errors.getvalue(),
    )


@pytest.mark.slow
def test_training_changes_nothing_in_the_callers_process(
    two_runs: SimpleNamespace,
) -> None:
    before, after = two_runs.states
    assert before == after


@pytest.mark.slow
def test_output_appears_where_the_callers_output_goes(
    two_runs: SimpleNamespace,
) -> None:
    assert two_runs.errors == ""
    for line in ("epoch 1/1 ", "epoch 2/2 ", *(r.folder.name for r in two_runs.runs)):
        assert line in two_runs.output


def test_output_that_the_caller_cannot_take_is_dropped() -> None:
    lines = ["─ one\n", "two\n"]
    ascii_bytes = io.BytesIO()
    in_ascii = io.TextIOWrapper(ascii_bytes, "ascii")
    child_process.copy_lines(iter(lines), in_ascii)  # type: ignore[arg-type]
    assert ascii_bytes.getvalue() == b"? one\ntwo\n"
    left = iter(lines)
    with contextlib.suppress(OSError), open("/dev/full", "w") as full:
        child_process.copy_lines(left, full)  # type: ignore[arg-type]
    assert list(left) == []  # all was read, so the child need not wait
    left = iter(lines)
    child_process.copy_lines(left, WithoutFlush())  # type: ignore[arg-type]
    assert list(left) == []


def test_all_output_is_copied_before_the_call_returns(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(child_process, "CHILD_PROGRAM", "print('the end')  # {}")
    output = SlowOutput()
    monkeypatch.setattr(sys, "stdout", output)
    assert child_process.wait_for_child(child_process.start_child([])) == 0
    assert output.getvalue() == "the end\n"


class SlowOutput(io.StringIO):
    def write(self, text: str) -> int:
        time.sleep(0.3)
        return super().write(text)


class WithoutFlush:
    """A stream to which `print` can write, and no more."""

    def write(self, text: str) -> None:
        pass


@pytest.mark.slow
def test_runs_are_those_of_the_command(two_runs: SimpleNamespace, start: Path) -> None:
    first, second = two_runs.runs
    ended = mtl_train(start, *TINY, "trainer.epochs=2", "seed=3", "hydra.run.dir=own")
    assert ended.returncode == 0, ended.stderr
    assert second.metrics == mtl_cli.Run("own").metrics != first.metrics
    assert (len(first.history), len(second.history)) == (1, 2)
    assert second.config["trainer"]["epochs"] == 2
    assert "hydra" not in second.config


@pytest.mark.slow
def test_finished_run_is_returned_and_not_trained_again() -> None:
    settings = {"trainer": {"epochs": 1}, "hydra": {"run": {"dir": "run"}}}
    run = mtl_cli.train(*TINY, seed=3, **settings)
    record = status_of(run.folder)
    assert mtl_cli.train(*TINY, seed=3, **settings) == run
    assert status_of(run.folder) == record


@pytest.mark.slow
def test_interrupted_run_is_resumed_and_its_folder_returned(
    two_runs: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(two_runs.start)
    run = two_runs.runs[1]
    record = status_of(run.folder) | {"status": "interrupted"}
    (run.folder / "status.json").write_text(json.dumps(record))
    assert mtl_cli.train(*TINY, "trainer.epochs=2", "seed=3") == run
    assert status_of(run.folder)["status"] == "done"
    assert len(list((two_runs.start / "outputs" / "runs").iterdir())) == 2


def test_check_only_gives_a_run_without_metrics() -> None:
    run = mtl_cli.train(*TINY, check_only=True)
    assert run.metrics == {}
    with pytest.raises(mtl_cli.DataError, match=r"config.yaml: no such file"):
        run.config  # noqa: B018


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"trainer": {"epoch": 1}}, mtl_cli.ConfigError, "did you mean trainer.epochs"),
        ({"model": "plee"}, mtl_cli.ConfigError, "did you mean ple"),
        ({"seed": "1,2"}, mtl_cli.ConfigError, "seed: '1,2' should be a valid integer"),
        pytest.param(
            {"dataset": {"train": "none.csv"}},
            mtl_cli.DataError,
            "dataset.train: no file 'none.csv'",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            {
                "dataset": "funnel",
                "dataset.train_rows": 2000,
                "model": "shared_bottom",
                "optimizer": "sgd",
                "optimizer.learning_rate": 1e30,
                "trainer": {"compile": False, "epochs": 1},
            },
            mtl_cli.TrainingError,
            "loss of task .* became",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_error_of_the_run_is_the_exception(
    settings: dict[str, object], error: type[Exception], message: str
) -> None:
    errors = io.StringIO()
    with (
        pytest.raises(error, match=message) as raised,
        contextlib.redirect_stderr(errors),
    ):
        mtl_cli.train(**settings)
    assert type(raised.value) is error
    assert "\n" not in str(raised.value)
    assert errors.getvalue() == ""  # the exception says it, once


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("-m", "'-m' asks for a sweep, .* trains one model; run `mtl-train -m"),
        ("seed=1,2", "'seed=1,2' asks for a sweep"),
        pytest.param("sweep=grid_small", "asks for a sweep", marks=pytest.mark.slow),
        pytest.param("+repeats=2", "asks for a sweep", marks=pytest.mark.slow),
        pytest.param(
            "compare.single_task=true", "asks for a sweep", marks=pytest.mark.slow
        ),
        ("epochs", "'epochs' has no '='"),
        ({"model": "mmoe"}, "train: overrides: expected str, but got {'model': 'mm"),
        pytest.param("--epochs=3", "no flag '--epochs=3'", marks=pytest.mark.slow),
        pytest.param("--help", "trains no model", marks=pytest.mark.slow),
        (f"tasks=[{'x' * 200_000}]", "passed to a process: Argument list too long; wr"),
        ("tasks=[\0]", "passed to a process: embedded null byte; write them"),
    ],
)
def test_argument_that_trains_no_single_model_is_refused(
    argument: Any, message: str, start: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(mtl_cli.ConfigError, match=message):
        mtl_cli.train(argument)
    assert capsys.readouterr().out == ""
    assert not (start / "outputs").exists()


@pytest.mark.slow
def test_configuration_that_asks_for_a_sweep_trains_one_model(start: Path) -> None:
    (start / "conf" / "experiment").mkdir(parents=True)
    (start / "conf" / "experiment" / "mine.yaml").write_text(
        "# @package _global_\nhydra: {mode: MULTIRUN}\ncheck_only: true\n"
    )
    run = mtl_cli.train(*TINY, experiment="mine")
    assert run.folder.parent == start / "outputs" / "runs"


def test_process_that_dies_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        child_process, "CHILD_PROGRAM", "import os; os.kill(os.getpid(), 9)  # {}"
    )
    with pytest.raises(mtl_cli.TrainingError, match=r"SIGKILL \(out of memory\?\)"):
        mtl_cli.train(*TINY)


# Interruptions


# A test run in the background would hand its deafness to Ctrl-C on.
CALLER = """
import os, signal, sys, threading
import mtl_cli
from mtl_cli.api import child_process

signal.signal(signal.SIGINT, signal.default_int_handler)
{more}
try:
    mtl_cli.train(*sys.argv[1:])
except KeyboardInterrupt as stop:
    print("stopped:", stop)
"""
SLOW_START = """
child_process.CHILD_PROGRAM = child_process.CHILD_PROGRAM.replace(
    "from mtl", "import time; time.sleep(60); from mtl"
)
threading.Timer(2, os.kill, [os.getpid(), signal.SIGINT]).start()
"""


@pytest.mark.slow
def test_ctrl_c_before_the_run_begins_ends_without_a_traceback() -> None:
    code = CALLER.format(more=SLOW_START)
    ended = subprocess.run(
        [sys.executable, "-c", code, *TINY], capture_output=True, text=True, check=True
    )
    assert ended.stdout == "stopped: interrupted before the run began\n"
    assert ended.stderr == ""


def train_in_background(start: Path) -> subprocess.Popen[str]:
    """Starts a caller of `train`, and waits until its run trains."""
    command = [sys.executable, "-c", CALLER.format(more=""), *LONG, "hydra.run.dir=run"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert wait_for(process, lambda: has_logged(start / "run", "epoch 2/"))
    return process


def test_signal_to_a_command_ends_its_training_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    program = "import time; time.sleep(60)  # {}"
    monkeypatch.setattr(child_process, "CHILD_PROGRAM", program)
    child = child_process.start_child([])
    answers = iter([signals.Stopped(signal.SIGTERM)])
    wait = child.wait

    def stopped_wait() -> int:
        for stop in answers:
            raise stop
        return wait()

    monkeypatch.setattr(child, "wait", stopped_wait)
    with pytest.raises(signals.Stopped) as stopped:
        child_process.wait_for_child(child)
    assert stopped.value.code == 143
    assert child.poll() == -signal.SIGKILL


@pytest.mark.slow
def test_ctrl_c_writes_a_checkpoint_and_says_how_to_resume(start: Path) -> None:
    process = train_in_background(start)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=WAIT_SECONDS)
    assert status_of(start / "run")["status"] == "interrupted"
    last = output.splitlines()[-1]
    assert last.startswith("stopped: interrupted; the training up to step ") or (
        last.startswith("stopped: interrupted; the training up to epoch ")
    )
    assert "is saved in run/checkpoints/" in last
    command = shlex.join(["mtl-train", *LONG, "hydra.run.dir=run"])
    assert last.endswith(f"; to go on: {command}")
    assert status_of(start / "run")["error"] == "interrupted"


@pytest.mark.slow
def test_run_stops_at_a_checkpoint_if_its_caller_is_killed(start: Path) -> None:
    process = train_in_background(start)
    process.kill()
    process.communicate(timeout=WAIT_SECONDS)
    deadline = time.monotonic() + WAIT_SECONDS
    while status_of(start / "run")["status"] != "interrupted":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert status_of(start / "run")["error"] == "stopped by SIGTERM"
    assert list((start / "run" / "checkpoints").iterdir())


@pytest.mark.slow
def test_second_ctrl_c_ends_the_run_at_once(start: Path) -> None:
    process = train_in_background(start)
    process.send_signal(signal.SIGINT)
    time.sleep(signals.REPEAT_SECONDS)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=WAIT_SECONDS)
    assert status_of(start / "run")["status"] == "interrupted"
