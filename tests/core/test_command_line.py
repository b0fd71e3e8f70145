"""The commands end in one line, and name flags that may have been meant."""

from pathlib import Path

import pytest

from mtl_cli.core.command_line import Parser, run_command
from mtl_cli.core.errors import ConfigError


@pytest.mark.parametrize("flag", ["--baseline", "--json", "--csv"])
def test_flag_of_a_group_is_suggested_as_any_other(flag: str) -> None:
    parser = Parser(prog="mtl-some")
    parser.add_argument("--baseline")
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--json", action="store_true")
    group.add_argument("--csv", action="store_true")
    with pytest.raises(ConfigError, match=rf"did you mean {flag}\?; see mtl-some"):
        parser.parse_args([f"{flag}s"])


def test_path_that_the_system_refuses_ends_in_one_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code = run_command("mtl-some", lambda: Path("x" * 300).exists() or None)
    assert code == 2
    err = capsys.readouterr().err
    assert (
        err == f"mtl-some: error: '{'x' * 60}...': File name too long; name another\n"
    )


def test_error_of_the_system_without_a_path_keeps_its_traceback() -> None:
    def work() -> None:
        raise OSError("no path")

    with pytest.raises(OSError, match="no path"):
        run_command("mtl-some", work)
