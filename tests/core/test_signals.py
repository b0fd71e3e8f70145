"""Signals wait for a safe point of the training."""

import signal
import subprocess
import sys
import time

import pytest

from mtl_cli.core import signals


def test_signal_that_comes_while_processes_connect_stops_the_training(monkeypatch):
    monkeypatch.setattr(signals, "_is_deferring", False)
    monkeypatch.setattr(signals, "_pending", 0)
    monkeypatch.setattr(signals, "_last_signal", (0, 0.0))
    signals.defer()
    signals._handle(signal.SIGTERM, None)
    with pytest.raises(signals.Stopped) as stopped, signals.deferred():
        assert signals.pending() == signal.SIGTERM
    assert stopped.value.code == 143


def test_signal_that_is_repeated_at_once_counts_once(monkeypatch):
    monkeypatch.setattr(signals, "_last_signal", (0, 0.0))
    with pytest.raises(signals.Stopped):
        signals._handle(signal.SIGTERM, None)
    signals._handle(signal.SIGTERM, None)
    signals._end(signal.SIGTERM, None)  # ends the process otherwise
    with pytest.raises(signals.Stopped):
        signals._handle(signal.SIGINT, None)
    monkeypatch.setattr(signals, "REPEAT_SECONDS", 0)
    with pytest.raises(signals.Stopped):
        signals._handle(signal.SIGINT, None)


def test_job_of_a_sweep_takes_one_signal(monkeypatch):
    """Under Slurm, a job gets SIGTERM, and then SIGINT from its stopped sweep."""
    monkeypatch.setattr(signals, "_pending", 0)
    monkeypatch.setattr(signals, "_last_signal", (0, 0.0))
    monkeypatch.setattr(signals, "_takes_one_signal", True)
    with pytest.raises(signals.Stopped) as stopped, signals.deferred():
        signals._handle(signal.SIGTERM, None)
        signals._handle(signal.SIGINT, None)
    assert stopped.value.code == 143
    signals._handle(signal.SIGINT, None)  # must not disturb the end of the run


def test_signal_that_comes_while_an_object_is_deleted_stops_the_run(monkeypatch):
    monkeypatch.setattr(signals, "_last_signal", (0, 0.0))
    monkeypatch.setattr(signals, "SIGNALS", [signal.SIGTERM])
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)  # is set back
    handler = signal.getsignal(signal.SIGTERM)

    class Deleted:
        def __del__(self):
            signal.raise_signal(signal.SIGTERM)

    class HalfMade:
        def __del__(self):
            del self.handle  # pytest fails if this error is shown

    signals.install()
    try:
        with pytest.raises(signals.Stopped) as stopped:
            Deleted()
            time.sleep(2)
        HalfMade.__new__(HalfMade)
    finally:
        signal.signal(signal.SIGTERM, handler)
    assert stopped.value.code == 143


def test_error_does_not_hide_the_signal_that_waits(monkeypatch):
    monkeypatch.setattr(signals, "_pending", 0)
    monkeypatch.setattr(signals, "REPEAT_SECONDS", 0)
    with pytest.raises(signals.Stopped) as stopped, signals.deferred():
        signals._handle(signal.SIGINT, None)
        raise ValueError("the loss is nan")
    assert stopped.value.code == 130
    assert str(stopped.value) == "interrupted, after an error: the loss is nan"
    assert isinstance(stopped.value.__cause__, ValueError)
    with pytest.raises(signals.Stopped):  # signals are no longer deferred
        signals._handle(signal.SIGINT, None)


def test_error_of_a_librarys_cleaning_up_does_not_hide_the_interruption():
    with pytest.raises(signals.Stopped) as stopped, signals.raise_hidden_interrupts():
        try:
            raise signals.Stopped(signal.SIGINT)
        finally:
            del unset  # noqa: F821  # as OmegaConf does
    assert stopped.value.code == 130


def test_error_that_hides_no_interruption_stays_as_it_is():
    error = ValueError("wrong")
    with (
        pytest.raises(ValueError, match="wrong") as raised,
        signals.raise_hidden_interrupts(),
    ):
        try:
            raise KeyError("x")
        except KeyError:
            raise error  # noqa: B904
    assert raised.value is error


SIGNALLED_AT_EXIT = """
import atexit, os, signal
from mtl_cli.core import signals
from mtl_cli.core.command_line import run_command
signals.REPEAT_SECONDS = 0
atexit.register(lambda: os.kill(os.getpid(), signal.SIGINT))
signal.signal(signal.SIGINT, signal.default_int_handler)
def work():
    os.kill(os.getpid(), signal.SIGINT)
run_command("mtl-some", work)
"""


def test_second_signal_at_the_end_of_a_command_prints_no_traceback():
    program = [sys.executable, "-c", SIGNALLED_AT_EXIT]
    ended = subprocess.run(program, capture_output=True, text=True, timeout=60)
    assert ended.stderr == "mtl-some: error: interrupted; nothing was written\n"
    assert ended.returncode == -signal.SIGINT


INTERRUPTED_AT_START = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.argv = ["/usr/bin/{program}"]
import mtl_cli.cli
os.kill(os.getpid(), signal.SIGINT)
"""


@pytest.mark.parametrize(
    ("program", "expected"), [("mtl-doctor", ""), ("mine", "KeyboardInterrupt")]
)
def test_ctrl_c_during_the_imports_of_a_command_prints_no_traceback(program, expected):
    code = INTERRUPTED_AT_START.format(program=program)
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60
    )
    assert ended.stderr[-len("KeyboardInterrupt\n") :].strip() == expected
    assert ended.returncode == -signal.SIGINT
