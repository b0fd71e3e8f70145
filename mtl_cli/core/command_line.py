"""The parser and the exit codes of all commands except `mtl-train`."""

import argparse
import re
import sys
from collections.abc import Callable, Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any, NoReturn

from mtl_cli.core import signals
from mtl_cli.core.errors import ConfigError, MtlError, fail, line_and_code, suggest
from mtl_cli.core.paths import check_current_folder
from mtl_cli.core.signals import Stopped
from mtl_cli.core.standard_streams import OUTPUT_CLOSED, drop_output, prepare_streams


def run_command(
    program: str, work: Callable[[], int | None], end: str = "; nothing was written"
) -> int:
    """Runs a command. If an error or a signal stops it, prints one line on stderr.

    Args:
        program: the name of the command.
        work: does the work, and returns the exit code; None means 0.
        end: the end of the line that is printed after a signal.

    Returns: the exit code of `work`; 2 for wrong input, 1 for a failure, 129, 130 or
        143 after a signal, 141 for a closed output.
    """
    prepare_streams()
    signals.install()
    try:
        check_current_folder()
        code = work() or 0
        sys.stdout.flush()
        return code
    except Stopped as stop:
        return fail(program, f"{stop}{end}", stop.code)
    except BrokenPipeError:  # `COMMAND | head` closes the output early
        drop_output(sys.stdout.fileno())
        return OUTPUT_CLOSED
    except (MtlError, OSError, UnicodeEncodeError) as error:
        return fail(program, *line_and_code(error))


def parse_assignments(option: str, texts: Iterable[str]) -> dict[str, str | None]:
    """Parses the values of an option such as `--set position=1`: {name: value}.

    An empty value is None.

    Args:
        option: the name of the option, for error messages.
        texts: a text such as `position=1` for each time that the option is given.

    Raises:
        ConfigError: if a text is no assignment, or sets a name again.
    """
    values: dict[str, str | None] = {}
    for text in texts:
        name, equals_sign, value = text.partition("=")
        if not equals_sign:
            raise ConfigError(
                f"{option}: '{text}' is no assignment such as position=1; write "
                "COLUMN=VALUE"
            )
        if name in values:
            raise ConfigError(f"{option}: '{name}' is set twice; set it once")
        values[name] = value or None
    return values


def comma_separated(text: str) -> list[str]:
    """Returns the names in a text such as `user,item`; [] for an empty text."""
    return [name for name in text.split(",") if name]


class Parser(argparse.ArgumentParser):
    """A parser that raises a `ConfigError`. `ArgumentParser` would exit instead.

    Args:
        settings: the arguments of `ArgumentParser`.
    """

    def __init__(self, **settings: Any) -> None:
        # The default formatter would join the lines of the examples in an epilog.
        formatter = argparse.RawDescriptionHelpFormatter
        super().__init__(formatter_class=formatter, allow_abbrev=False, **settings)
        version_line = f"mtl-cli {version('mtl-cli')}"
        self.add_argument("--version", action="version", version=version_line)

    def add_plugins(self) -> None:
        """Adds the option `--plugins`."""
        self.add_argument(
            "--plugins",
            metavar="FOLDER",
            action="append",
            default=[],
            type=Path,
            help="a folder with options of your own, as in training; may be repeated",
        )

    def error(self, message: str) -> NoReturn:
        # `unknown` is the first unknown argument. If the message is about another
        # mistake, `unknown` is the first word of the message, which resembles no flag.
        unknown = message.rpartition("unrecognized arguments: ")[2].partition(" ")[0]
        # The usage contains all flags, including the flags of argument groups.
        hint = suggest(unknown, re.findall(r"--[\w-]+", self.format_usage()))
        raise ConfigError(f"{message}{hint}; see {self.prog} --help")
