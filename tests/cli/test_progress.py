"""The progress of `mtl-predict` and `mtl-evaluate` without a terminal."""

import time

import pytest

from mtl_cli.cli.progress import progress_bar


def test_long_work_prints_a_line_every_minute_without_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    with progress_bar() as on_progress:
        on_progress("encoding", 0, 0)
        now = 60.0
        on_progress("encoding", 0, 0)
        for seconds, done in ((61.0, 5000), (119.0, 9000), (120.0, 10_000)):
            now = seconds
            on_progress("predicting", done, 40_000)
    lines = ["encoding", "predicting 10,000 of 40,000 (25%)"]
    assert capsys.readouterr().err.splitlines() == lines
