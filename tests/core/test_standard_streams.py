"""Commands work without stdin, stdout and stderr, and say if stdout is full."""

import io
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from mtl_cli.core import terminal
from mtl_cli.core.command_line import run_command
from mtl_cli.core.errors import ConfigError
from mtl_cli.core.standard_streams import write_to_stdout
from mtl_cli.core.terminal import progress_on_stderr

TABLE = "user,price,click\n" + "".join(f"{i % 7},{i}.5,{i % 2}\n" for i in range(40))
INIT = "init table.csv --task click"
FULL = "cannot write to stdout: No space left on device"


def command(
    folder: Path, words: str, redirection: str = ""
) -> subprocess.CompletedProcess[str]:
    """Runs a command in a shell, as in `COMMAND >&-`."""
    (folder / "table.csv").write_text(TABLE)
    name, _, arguments = words.partition(" ")
    program = f"{shlex.quote(sys.executable)} -m mtl_cli.cli.{name} {arguments}"
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", f"{program} {redirection}"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize("closed", [">&-", "<&- >&- 2>&-"])
def test_closed_streams_do_not_matter(closed: str, tmp_path: Path) -> None:
    ended = command(tmp_path, INIT, closed)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    written = (tmp_path / "conf/dataset/table.yaml").read_text()
    assert written.startswith("# Proposed by mtl-init from all 40 rows of table.csv.")
    assert "taken for" not in written  # of the text that stdout did not take


@pytest.mark.slow
def test_training_without_streams_is_as_any_other(tmp_path: Path) -> None:
    ended = command(tmp_path, "train check_only=true hydra.run.dir=run", "<&- >&- 2>&-")
    assert ended.returncode == 0
    assert '"done"' in (tmp_path / "run/status.json").read_text()


def test_full_disk_behind_stderr_does_not_change_the_exit_code(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def work() -> None:
        with progress_on_stderr() as on_progress:
            on_progress("predicting", 1, 2)
            on_progress("predicting", 2, 2)
        raise ConfigError("wrong")

    monkeypatch.setattr(terminal, "SECONDS_PER_LINE_OF_COMMANDS", 0)
    stderr = open("/dev/full", "w", buffering=1)  # noqa: SIM115
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", stderr)
        assert run_command("mtl-some", work) == 2
    with pytest.raises(OSError, match="No space left"):
        stderr.close()


@pytest.mark.slow
@pytest.mark.parametrize(
    "words", [INIT, "doctor --no-training", "train check_only=true"]
)
def test_full_disk_behind_stdout_ends_in_one_line(words: str, tmp_path: Path) -> None:
    ended = command(tmp_path, words, "> /dev/full")
    assert ended.returncode == 1
    assert ended.stderr == f"mtl-{words.partition(' ')[0]}: error: {FULL}\n"


@pytest.mark.slow
@pytest.mark.parametrize("words", ["doctor --no-training", "train check_only=true"])
def test_closed_pipe_ends_in_silence(words: str, tmp_path: Path) -> None:
    ended = command(tmp_path, words, "| true")
    assert (ended.returncode, ended.stderr) == (141, "")


def test_text_for_a_terminal_that_has_closed_is_dropped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The terminal may close a moment before SIGHUP comes.
    terminal, descriptor = os.openpty()
    with open(descriptor, "w") as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        os.close(terminal)
        for _ in range(2):
            write_to_stdout("epoch 1")


def test_character_that_the_terminal_lacks_is_replaced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out, err = io.BytesIO(), io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(out, "ascii"))
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(err, "ascii", errors="strict"))

    def work() -> None:
        for stream in (sys.stdout, sys.stderr):
            stream.write("0.9 ± 0.1\n")
            stream.flush()

    assert run_command("mtl-evaluate", work) == 0
    assert out.getvalue() == err.getvalue() == b"0.9 ? 0.1\n"
