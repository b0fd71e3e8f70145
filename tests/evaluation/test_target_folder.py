"""The folder to which the evaluations of a sweep are written."""

from pathlib import Path

import pytest

from mtl_cli.core.errors import ConfigError
from mtl_cli.evaluation.sweep import default_target


def test_default_folder_is_named_after_sweep_and_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    target = default_target(Path("sweeps/first"), "https://h/may.parquet?token=hidden")
    assert target == Path("outputs/evaluations/first-may")
    target = default_target(Path("sweeps/first"), ["days/1.csv", "days/2.csv"])
    assert target == Path("outputs/evaluations/first-1")


def test_default_folder_behind_a_link_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = tmp_path / "start"
    start.mkdir()
    (start / "outputs").symlink_to(tmp_path)
    monkeypatch.chdir(start)
    with pytest.raises(ConfigError, match="leads out of the current folder"):
        default_target(Path("sweeps/first"), "may.csv")
