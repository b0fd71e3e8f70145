"""The parser and the exit codes of all commands except `mtl-train`."""

import argparse
import re
import sys
from collections.abc import Callable, Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any, NoReturn

from mtl_cli.core import signals
from mtl_cli.core.errors import (
    ConfigError,
    MtlError,
    fail,
    not_utf8_message,
    shown,
    suggest,
)
from mtl_cli.core.paths import check_current_folder
from mtl_cli.core.signals import Stopped
from mtl_cli.core.standard_streams import OUTPUT_CLOSED, drop_output, prepare_streams


def run_command(
    program: str, work: Callable[[], int | None], end: str = "; nothing was written"
) -> int:
    """Runs a command; prints one line on stderr if an error or a signal stops it.

    `work` returns the exit code; None means 0. `end` is the end of the line that is
    printed after a signal. The exit code is 2 for wrong input, 1 for a failure, 129,
    130 or 143 after a signal, 141 for a closed output.
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
    except MtlError as error:
        return fail(program, str(error), error.exit_code)
    except UnicodeEncodeError as error:
        return fail(program, not_utf8_message(error), 2)
    except OSError as error:  # about a path, such as a name that is too long
        if error.filename is None:  # the user cannot mend such an error
            raise
        path = shown(str(error.filename))
        return fail(program, f"{path}: {error.strerror}; name another", 2)


def parse_assignments(option: str, texts: Iterable[str]) -> dict[str, str | None]:
    """Parses the texts `NAME=VALUE` of an option; an empty value is None."""
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
    """A parser that raises a `ConfigError`. `ArgumentParser` would exit instead."""

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
        flags = re.findall(r"--[\w-]+", self.format_usage())
        hint = suggest(unknown, flags, cutoff=0.75)  # `--label` is not `--name`
        raise ConfigError(f"{message}{hint}; see {self.prog} --help")
