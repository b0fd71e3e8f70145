"""The parser, flags and exit codes that all commands except `mtl-train` share."""

import argparse
import re
import sys
from collections.abc import Callable, Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any, NoReturn

from mtl_cli.core import signals
from mtl_cli.core.errors import (
    RAISE_LIMIT,
    TOO_MANY_OPEN_FILES,
    ConfigError,
    MtlError,
    fail,
    not_utf8_message,
    warn_in_one_line,
)
from mtl_cli.core.message_text import shown, suggest
from mtl_cli.core.paths import check_current_folder
from mtl_cli.core.signals import Stopped
from mtl_cli.core.standard_streams import OUTPUT_CLOSED, drop_output, prepare_streams

TOO_MANY_FILES = f"too many open files; {RAISE_LIMIT}"
OUT_OF_MEMORY = "not enough memory; use a machine with more, or a smaller table"


def run_command(
    program: str,
    work: Callable[[], int | None],
    stop_note: str = "; nothing was written",
) -> int:
    """Runs a command; prints one line on stderr if an error or a signal stops it.

    Args:
        program: the name of the command.
        work: does the work and returns the exit code; None means 0.
        stop_note: added to the line about a signal that has stopped the command.

    Returns: the exit code: 2 for wrong input, 1 for a failure, 129, 130 or 143 after a
        signal, 141 for a closed output.
    """
    prepare_streams()
    warn_in_one_line()
    signals.install()
    try:
        check_current_folder()
        code = work() or 0
        sys.stdout.flush()
        return code
    except Stopped as stop:
        return fail(program, f"{stop}{stop_note}", stop.code)
    except BrokenPipeError:  # `COMMAND | head` closes the output early
        drop_output(sys.stdout.fileno())
        return OUTPUT_CLOSED
    except MtlError as error:
        return fail(program, str(error), error.exit_code)
    except MemoryError:
        return fail(program, OUT_OF_MEMORY, 1)
    except UnicodeEncodeError as error:
        return fail(program, not_utf8_message(error), 2)
    except OSError as error:  # about a path, such as a name that is too long
        # Too many open files: such an error may have no file name, so it comes first.
        if error.errno in TOO_MANY_OPEN_FILES:
            return fail(program, TOO_MANY_FILES, 1)
        if error.filename is None:  # the user cannot mend such an error
            raise
        path = shown(str(error.filename))
        return fail(program, f"{path}: {error.strerror}; name another path", 2)
    finally:
        signals.end_at_once()


def parse_assignments(flag: str, texts: Iterable[str]) -> dict[str, str | None]:
    """Parses the texts `COLUMN=VALUE` of a flag; an empty value is None."""
    values: dict[str, str | None] = {}
    for text in texts:
        name, equals_sign, value = text.partition("=")
        if not equals_sign:
            raise ConfigError(
                f"{flag}: '{text}' has no '='; write COLUMN=VALUE, such as position=1"
            )
        if name in values:
            raise ConfigError(f"{flag}: '{name}' is set twice; set {name} once")
        values[name] = value or None
    return values


def comma_separated(text: str) -> list[str]:
    """Returns the names in a text such as `user,item`; [] for an empty text."""
    return [name for name in text.split(",") if name]


def version_line() -> str:
    """Returns the text of `--version`.

    Missing or damaged metadata of mtl-cli is no error here: `mtl-doctor` reports it.
    """
    try:
        return f"mtl-cli {version('mtl-cli')}"
    except Exception:  # whatever a damaged file raises
        return "mtl-cli, version unknown"


class Parser(argparse.ArgumentParser):
    """A parser that raises a `ConfigError`. `ArgumentParser` would exit instead."""

    def __init__(self, **settings: Any) -> None:
        # The default formatter would join the lines of the examples in an epilog.
        formatter = argparse.RawDescriptionHelpFormatter
        super().__init__(formatter_class=formatter, allow_abbrev=False, **settings)
        self.add_argument("--version", action="version", version=version_line())

    def add_names(self, flag: str, metavar: str, help: str) -> None:
        """Adds a flag that takes names with commas between them.

        If the flag is repeated, its value holds the names of all its occurrences.
        """
        self.add_argument(
            flag,
            metavar=metavar,
            action="extend",
            default=[],
            type=comma_separated,
            help=f"{help}; may be repeated",
        )

    def add_plugins_flag(self) -> None:
        """Adds the flag `--plugins`."""
        self.add_argument(
            "--plugins",
            metavar="FOLDER",
            action="append",
            default=[],
            type=Path,
            help="a folder with options of your own, as in training; may be repeated",
        )

    def error(self, message: str) -> NoReturn:
        hint = ""
        # argparse lists all unknown arguments. The first one gets a suggestion, without
        # its value: `--labl` for `--labl=x`.
        if unknown := re.search("unrecognized arguments: ([^ =]+)", message):
            # The usage contains all flags, including the flags of argument groups.
            flags = re.findall(r"--[\w-]+", self.format_usage())
            # With a lower cutoff, `--name` would be suggested for `--label`.
            hint = suggest(unknown[1], flags, cutoff=0.75)
        raise ConfigError(f"{message}{hint}; see {self.prog} --help")
