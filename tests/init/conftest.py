"""`mtl-init` for the tests of this folder."""

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
        code = init.main(list(arguments))
        out, err = capsys.readouterr()
        return code, out, err

    return start
