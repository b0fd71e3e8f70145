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
    ConfigError,
    MtlError,
    fail,
    first_line,
    system_error_message,
    warn_in_one_line,
)
from mtl_cli.core.message_text import shown, suggest
from mtl_cli.core.paths import check_current_folder
from mtl_cli.core.plugin_code import plugin_line
from mtl_cli.core.signals import Stopped
from mtl_cli.core.standard_streams import OUTPUT_CLOSED, drop_output, prepare_streams

OUT_OF_MEMORY = "not enough memory; use a machine with more, or a smaller table"


def run_command(
    program: str,
    work: Callable[[], int | None],
    stop_note: str = "; nothing was written",
) -> int:
    """Runs a command; prints one line on stderr if an error or a signal stops it.

    `work` returns the exit code; None means 0. `stop_note` is added to the line about a
    signal.

    Returns: the exit code: 2 for wrong input, 1 for a failure, 129, 130 or 143 after a
        signal, 141 for a closed output.
    """
    prepare_streams()
    warn_in_one_line()
    signals.install()
    try:
        check_current_folder()
        with signals.raise_hidden_interrupts():
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
        name = shown(error.object[max(0, error.start - 30) :])
        return fail(program, f"{name} is not UTF-8; rename the file or the folder", 2)
    except OSError as error:  # such as a name that is too long, or too many open files
        if error.errno is None:  # no error of the system
            raise
        return fail(program, f"{system_error_message(error)}{plugin_line(error)}", 2)
    except Exception as error:
        if not (line := plugin_line(error)):
            raise
        return fail(program, f"{type(error).__name__}: {first_line(error)}{line}", 1)
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


def nonempty(text: str) -> str:
    """Returns the argument, a path or a URL, and refuses an empty one."""
    if not text:  # for instance an unset variable of the shell
        raise argparse.ArgumentTypeError("'' names no file or folder; give a path")
    return text


def nonempty_path(text: str) -> Path:
    """Converts an argument to a path. `Path` alone would take '' for this folder."""
    return Path(nonempty(text))


def version_line() -> str:
    """Returns the text of `--version`."""
    try:
        return f"mtl-cli {version('mtl-cli')}"
    except Exception:  # the installation is damaged; `mtl-doctor` says so
        return "mtl-cli, version unknown"


class Parser(argparse.ArgumentParser):
    """A parser that raises a `ConfigError`. `ArgumentParser` would exit instead."""

    def __init__(self, **settings: Any) -> None:
        # The default formatter would join the lines of the examples in an epilog.
        formatter = argparse.RawDescriptionHelpFormatter
        super().__init__(formatter_class=formatter, allow_abbrev=False, **settings)
        self.add_argument("--version", action="version", version=version_line())

    def add_names(self, flag: str, metavar: str, help: str) -> None:
        """Adds a flag that takes names with commas between them."""
        self.add_argument(
            flag,
            metavar=metavar,
            action="extend",
            default=[],
            type=lambda text: [name for name in text.split(",") if name],
            help=f"{help}; may be repeated",
        )

    def add_plugins_flag(self) -> None:
        self.add_argument(
            "--plugins",
            metavar="FOLDER",
            action="append",
            default=[],
            type=nonempty_path,
            help="a folder with options of your own, as in training; may be repeated",
        )

    def error(self, message: str) -> NoReturn:
        hint = ""
        # The first unknown argument gets a suggestion, without its value: `--labl` for
        # `--labl=x`.
        if unknown := re.search("unrecognized arguments: ([^ =]+)", message):
            # The usage contains all flags, including the flags of argument groups.
            flags = re.findall(r"--[\w-]+", self.format_usage())
            # With a lower cutoff, `--name` would be suggested for `--label`.
            hint = suggest(unknown[1], flags, cutoff=0.75)
        raise ConfigError(f"{message}{hint}; see {self.prog} --help")
