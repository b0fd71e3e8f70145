"""Makes the consoles that print to stdout."""

import sys
from typing import Any

from rich.console import Console

from mtl_cli.core.standard_streams import (
    OUTPUT_CLOSED,
    drop_output,
    stdout_write_errors,
)

LINE_WIDTH = 120  # characters of a line, if stdout is not a terminal


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
