"""The progress of long work, on a terminal and in a log."""

import io
import time

import pytest
from rich.console import Console

from mtl_cli.core.terminal import progress_line, progress_on_stderr, work_text


def test_text_tells_the_share_and_the_time_that_is_left() -> None:
    assert work_text("reading the rows", 0, 0, 1.0) == "reading the rows"
    text = work_text("encoding the rows", 250, 1000, 10.0)
    assert text == "encoding the rows  25%  30 s left"


def test_long_work_prints_a_line_every_ten_seconds_without_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    monkeypatch.setattr("mtl_cli.core.terminal.SECONDS_PER_LINE_OF_COMMANDS", 10.0)
    with progress_on_stderr() as on_progress:
        on_progress("encoding", 0, 0)
        now = 10.0
        on_progress("encoding", 0, 0)
        for seconds, done in ((11.0, 5000), (19.0, 9000), (20.0, 10_000)):
            now = seconds
            on_progress("predicting", done, 40_000)
    # 5,000 rows since the first call, which came at 11 s.
    lines = ["encoding", "predicting  25%  54 s left"]
    assert capsys.readouterr().err.splitlines() == lines


def test_terminal_shows_the_whole_text_in_one_line_that_disappears() -> None:
    printed = io.StringIO()
    terminal = Console(file=printed, force_terminal=True, width=20)
    with progress_line(terminal, print) as show:
        show("[red]a name in the data")
    before_removal = printed.getvalue().rpartition("\x1b[2K")[0]
    assert "[red]a name in the …" in before_removal
    assert printed.getvalue().endswith("\x1b[2K")
