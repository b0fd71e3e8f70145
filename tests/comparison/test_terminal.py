"""A comparison on a terminal has colours; in a file it has none."""

import sys

import pytest

from mtl_cli.comparison.terminal import memory_console


@pytest.mark.parametrize("on_terminal", [True, False])
def test_only_a_terminal_gets_colours(
    on_terminal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: on_terminal)
    console, stream = memory_console()
    console.print("better", style="green")
    stream.seek(0)
    assert stream.read() == ("\x1b[32mbetter\x1b[0m\n" if on_terminal else "better\n")
