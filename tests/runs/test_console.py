"""The lines that a terminal shows while a network is trained."""

import io
import time
from pathlib import Path

import pytest
from helpers.epochs import epoch
from rich.console import Console as RichConsole

from mtl_cli.runs.console import Console
from mtl_cli.runs.progress_text import ProgressText


def test_time_left_of_a_run_that_resumes_in_the_middle_of_an_epoch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seconds = iter([1000.0, 1010.0, 1020.0])
    monkeypatch.setattr(time, "perf_counter", lambda: next(seconds))
    text = ProgressText(2, [])
    # An earlier process has trained 80 % of the first epoch. The next 5 % take 10 s.
    lines = [text.step(1, finished, {}, 1.0) for finished in (0.8, 0.85, 0.9)]
    assert "left" not in lines[0]
    assert "  at most 230 s left  " in lines[1]
    assert "  at most 220 s left  " in lines[2]


def test_line_of_an_epoch_names_the_time_of_compiling() -> None:
    text = ProgressText(2, [])
    assert text.epoch(epoch(1, compile_seconds=8.5)).endswith("  compiled in 8.5 s")
    assert " in " not in text.epoch(epoch(2))


def test_long_epoch_prints_a_line_every_minute_without_a_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    monkeypatch.setattr(time, "perf_counter", lambda: now)
    console = Console(tmp_path / "train.log")
    with console.progress(2, []) as progress:
        for seconds in (10.0, 59.0, 60.0, 119.0, 125.0):
            now = seconds
            progress.step(1, now / 200, {}, 52000.0)
        now = 130.0
        progress.epoch(epoch(1))
        for seconds in (185.0, 189.0):  # less than a minute after the last line
            now = seconds
            progress.step(2, 0.5, {}, 52000.0)
    console.close()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("epoch 1/2  30%  at most 340 s left  52,000 samples/s")
    assert lines[1].startswith("epoch 1/2  62%  at most 275 s left  52,000 samples/s")
    assert lines[2].startswith("epoch 1/2  loss ")
    assert len(lines) == 3


def test_terminal_shows_no_line_without_an_epoch(tmp_path: Path) -> None:
    console = Console(tmp_path / "train.log")
    terminal = RichConsole(file=io.StringIO(), force_terminal=True, width=80)
    console.terminal = terminal  # type: ignore[assignment]
    with console.progress(2, []):
        pass
    shown_last = terminal.file.getvalue()[-1:]  # type: ignore[attr-defined]
    console.close()
    assert shown_last != "\n"
