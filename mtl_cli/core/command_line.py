"""The parser of all commands but `mtl-train`, and the end of a command."""

import argparse
import os
import re
import sys
from collections.abc import Callable
from importlib.metadata import version
from typing import Any, NoReturn

from mtl_cli.core import signals
from mtl_cli.core.errors import ConfigError, MtlError, fail, line_and_code, suggest
from mtl_cli.core.signals import Stopped


def run_command(
    program: str, work: Callable[[], int | None], end: str = "; nothing was written"
) -> int:
    """Runs a command, and says in one line what stops it.

    Args:
        program: the command's name.
        work: does the work, and returns the exit code; None stands for 0.
        end: what to add to the line about a signal.

    Returns: the exit code of `work`; 2 for wrong input, 1 for a failure or a closed
        output, 130 or 143 after a signal.
    """
    signals.install()
    try:
        return work() or 0
    except Stopped as stop:
        return fail(program, f"{stop}{end}", stop.code)
    except BrokenPipeError:  # `COMMAND | head` closes the output early
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (MtlError, OSError) as error:
        return fail(program, *line_and_code(error))


class Parser(argparse.ArgumentParser):
    """A parser that raises a `ConfigError` instead of printing its usage.

    Args:
        settings: settings of `ArgumentParser`.
    """

    def __init__(self, **settings: Any) -> None:
        # Examples in an epilog keep their lines.
        formatter = argparse.RawDescriptionHelpFormatter
        super().__init__(formatter_class=formatter, allow_abbrev=False, **settings)
        shown = f"mtl-cli {version('mtl-cli')}"
        self.add_argument("--version", action="version", version=shown)

    def error(self, message: str) -> NoReturn:
        unknown = message.rpartition("unrecognized arguments: ")[2].partition(" ")[0]
        # The usage names all flags, also the flags of groups.
        hint = suggest(unknown, re.findall(r"--[\w-]+", self.format_usage()))
        raise ConfigError(f"{message}{hint}; see {self.prog} --help")
