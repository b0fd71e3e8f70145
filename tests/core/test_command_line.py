"""The commands end in one line, and name flags that may have been meant."""

import os
import re
import signal
import warnings
from pathlib import Path

import numpy as np
import pytest
from helpers.commands import refused, run_cold

from mtl_cli.core.command_line import OUT_OF_MEMORY, Parser, nonempty_path, run_command
from mtl_cli.core.errors import ConfigError
from mtl_cli.core.signals import Stopped

NOT_UTF8 = os.fsdecode(b"\xff.csv")
REMOVED = "the current folder has been removed; change to another: cd FOLDER\n"


@pytest.mark.parametrize("flag", ["--baseline", "--json", "--csv"])
def test_flag_of_a_group_is_suggested_as_any_other(flag: str) -> None:
    parser = Parser(prog="mtl-some")
    parser.add_argument("--baseline")
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--json", action="store_true")
    group.add_argument("--csv", action="store_true")
    with pytest.raises(ConfigError, match=rf"did you mean {flag}\?; see mtl-some"):
        parser.parse_args([f"{flag}s"])


def test_repeated_flag_of_names_takes_the_names_of_all_its_occurrences() -> None:
    parser = Parser(prog="mtl-some")
    parser.add_names("--by", metavar="A,B,...", help="columns")
    names = parser.parse_args(["--by", "city,age", "--by", "hour"]).by
    assert names == ["city", "age", "hour"]
    assert parser.parse_args([]).by == []  # no earlier call has left its names


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--labl=x"], "unrecognized arguments: --labl=x; did you mean --label?; see"),
        (["--labl", "--nam"], "--labl --nam; did you mean --label?; see mtl-some"),
        (["--label"], "argument --label: expected one argument; see mtl-some --help"),
    ],
)
def test_only_the_name_of_an_unknown_flag_is_compared(
    arguments: list[str], message: str
) -> None:
    parser = Parser(prog="mtl-some")
    parser.add_argument("--label")
    with pytest.raises(ConfigError, match=re.escape(message)):
        parser.parse_args(arguments)


def test_empty_name_of_a_folder_is_not_the_current_folder() -> None:
    parser = Parser(prog="mtl-some")
    parser.add_argument("run", metavar="RUN", type=nonempty_path)
    parser.add_plugins_flag()
    assert parser.parse_args(["."]).run == Path(".")
    message = "'' names no file or folder; give a path; see mtl-some --help"
    with pytest.raises(ConfigError, match=f"^argument RUN: {message}$"):
        parser.parse_args([""])
    with pytest.raises(ConfigError, match=f"^argument --plugins: {message}$"):
        parser.parse_args([".", "--plugins", ""])


def test_path_that_the_system_refuses_ends_in_one_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code = run_command("mtl-some", lambda: Path("x" * 300).exists() or None)
    assert code == 2
    assert capsys.readouterr().err == (
        f"mtl-some: error: {'x' * 300}: File name too long; mend that, or "
        "name another path\n"
    )


def test_lack_of_memory_ends_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    def work() -> None:
        np.empty(1 << 60, "uint8")

    assert run_command("mtl-some", work) == 1
    assert capsys.readouterr().err == f"mtl-some: error: {OUT_OF_MEMORY}\n"


def test_error_that_hides_a_signal_is_told_as_the_signal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def work() -> None:
        try:
            raise Stopped(signal.SIGTERM)
        except Stopped as stop:
            raise ImportError("initialization failed") from stop  # as TensorFlow does

    assert run_command("mtl-export", work) == 143
    assert "mtl-export: error: stopped by SIGTERM" in capsys.readouterr().err


def test_error_of_the_system_without_a_path_keeps_its_traceback() -> None:
    def work() -> None:
        raise OSError("no path")

    with pytest.raises(OSError, match="no path"):
        run_command("mtl-some", work)


def test_removed_folder_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    assert run_command("mtl-compare", lambda: 0) == 2
    assert capsys.readouterr().err == f"mtl-compare: error: {REMOVED}"


@pytest.mark.slow
def test_removed_folder_is_named_by_mtl_train(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    ended = run_cold(Path("."), "check_only=true")
    assert (ended.returncode, ended.stderr) == (2, f"mtl-train: error: {REMOVED}")


def test_name_that_is_not_utf8_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    def write() -> None:
        f"table: {NOT_UTF8}".encode()

    assert run_command("mtl-predict", write) == 2
    assert capsys.readouterr().err == (
        "mtl-predict: error: 'table: \\udcff.csv' is not UTF-8; rename the file or the "
        "folder\n"
    )


@pytest.mark.parametrize("setting", [f"{NOT_UTF8}=1", f"dataset.train={NOT_UTF8}"])
def test_setting_that_is_not_utf8_ends_in_one_line(
    setting: str, tmp_path: Path
) -> None:
    code, _, err, _ = refused(tmp_path, setting, "check_only=true")
    assert code == 2
    assert err.startswith("mtl-train: error: ")
    assert err.count("\n") == 1


def test_warning_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warnings, "formatwarning", warnings.formatwarning)
    assert run_command("mtl-some", lambda: 0) == 0
    text = warnings.formatwarning("the disk\nis full", UserWarning, "cache.py", 88)
    assert text == "warning: the disk is full\n"
