"""The progress of encoding a table, on a terminal and in a log."""

import time
from pathlib import Path

import pytest
from helpers.planted_data import declared, outputs, parquet, planted

from mtl_cli.data import sources
from mtl_cli.data.load import load
from mtl_cli.runs.console import Console
from mtl_cli.runs.read_data import encoding_progress

FEATURES = {"user": {"kind": "sparse"}, "price": {"kind": "dense"}}
TASKS = {"click": {"label": "click", "kind": "binary"}}


def test_rows_count_when_they_are_learnt_from_and_when_they_are_encoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "CHUNK_ROWS", 100)
    path = parquet(tmp_path, planted(rows=250))
    dataset = declared(path, FEATURES, TASKS)
    calls: list[tuple[int, int]] = []
    load(dataset, outputs(dataset), on_rows=lambda *rows: calls.append(rows))
    done = [100, 200, 250, 350, 450, 500]
    assert calls == [(0, 0), *((rows, 500) for rows in done)]
    load(dataset, outputs(dataset), on_rows=lambda *rows: calls.append(rows))
    assert len(calls) == 7  # rows that are found encoded show no progress


def test_without_a_terminal_only_slow_tables_print_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    console = Console(tmp_path / "train.log")
    with encoding_progress(console) as show:
        for done, seconds in enumerate([1.0, 9.0, 10.0, 11.0, 20.0]):
            now = seconds
            show(100 * done, 1000)
    console.close()
    lines = ["encoding the rows  20%  40 s left", "encoding the rows  40%  30 s left"]
    assert capsys.readouterr().out.splitlines() == lines


def test_terminal_shows_a_line_and_removes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich then takes stdout for a terminal
    console = Console(tmp_path / "train.log")
    with encoding_progress(console):
        pass
    assert capsys.readouterr().out == ""  # of rows that were found encoded
    with encoding_progress(console) as show:
        show(0, 0)
        show(400, 1000)
    console.close()
    shown = capsys.readouterr().out
    assert "encoding the rows  40%" in shown
    assert shown.rstrip("\n").endswith("\x1b[2K")  # the line is erased
    assert (tmp_path / "train.log").read_text() == ""
