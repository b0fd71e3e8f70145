"""Makes the consoles that print to stdout, and times lines of progress in logs."""

import sys
import time
from typing import Any

from rich.console import Console

from mtl_cli.core.standard_streams import (
    OUTPUT_CLOSED,
    drop_output,
    stdout_write_errors,
)

LINE_WIDTH = 120  # characters of a line, if stdout is not a terminal
SECONDS_PER_LINE = 60.0  # between lines of progress, without a terminal


class StdoutConsole(Console):
    """A console of `rich` for stdout. Handles a full disk and a closed pipe."""

    def print(self, *objects: Any, **settings: Any) -> None:
        """Prints. Raises a `WriteError` if stdout cannot be written."""
        with stdout_write_errors():
            super().print(*objects, **settings)

    def on_broken_pipe(self) -> None:
        """Ends the process with `OUTPUT_CLOSED`; `rich` itself would exit with 1."""
        self.quiet = True
        drop_output(sys.stdout.fileno())
        raise SystemExit(OUTPUT_CLOSED)


def new_console(**settings: Any) -> Console:
    """Returns a console that writes to stdout, with more settings of `Console`."""
    console = StdoutConsole(highlight=False, soft_wrap=True, **settings)
    if not console.is_terminal:
        console.width = LINE_WIDTH
    return console


class LineTimer:
    """Says when the next line of progress is due in a log, as in notebooks or pipes.

    The first line is due after `seconds`, so that short work prints no line.
    """

    def __init__(self, seconds: float = SECONDS_PER_LINE) -> None:
        self.seconds = seconds
        self.restart()

    def restart(self) -> None:
        """Makes the next line due after `seconds` from now."""
        self.last_line_time = time.monotonic()

    def is_due(self) -> bool:
        """Whether a line is due; the caller then prints the line."""
        if time.monotonic() - self.last_line_time < self.seconds:
            return False
        self.restart()
        return True
