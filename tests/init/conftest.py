"""`mtl-init` for the tests of this folder."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mtl_cli.cli import init

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """Runs mtl-init in an empty folder; returns exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def start(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["mtl-init", *arguments])
        with pytest.raises(SystemExit) as stop:
            init.main()
        out, err = capsys.readouterr()
        return int(stop.value.code or 0), out, err

    return start
