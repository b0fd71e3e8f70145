"""Makes the consoles that print to stdout, and shows the progress of long work."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.text import Text

from mtl_cli.core.errors import tell
from mtl_cli.core.message_text import printable
from mtl_cli.core.standard_streams import (
    OUTPUT_CLOSED,
    drop_output,
    stdout_write_errors,
)

LINE_WIDTH = 120  # characters of a line, if stdout is not a terminal
# The time between two lines of progress without a terminal.
SECONDS_PER_LINE = 60.0
SECONDS_PER_LINE_OF_COMMANDS = 10.0


class StdoutConsole(Console):
    """A console of `rich` for stdout. Handles a full disk and a closed pipe."""

    def print(self, *objects: Any, **settings: Any) -> None:
        with stdout_write_errors():
            super().print(*objects, **settings)

    def on_broken_pipe(self) -> None:
        """Ends the process with `OUTPUT_CLOSED`; `rich` itself would exit with 1."""
        self.quiet = True
        drop_output(sys.stdout.fileno())
        raise SystemExit(OUTPUT_CLOSED)


def new_console(**settings: Any) -> Console:
    """Returns a console for stdout; `settings` are further arguments of `Console`."""
    console = StdoutConsole(highlight=False, soft_wrap=True, **settings)
    if not console.is_terminal:
        console.width = LINE_WIDTH
    return console


@contextmanager
def progress_line(
    console: Console,
    print_line: Callable[[str], None],
    seconds: float = SECONDS_PER_LINE,
) -> Iterator[Callable[..., None]]:
    """Shows the progress inside the block in one line.

    A terminal shows one line that changes, and disappears at the end of the block.
    Without a terminal, `print_line` prints a line at most every `seconds`; short work
    prints no line.

    Yields: the function `show(text)`. Without a terminal, `show(text, at_once=True)`
        prints the line without waiting.
    """
    live = Live(console=console, transient=True)
    last_line_time = time.monotonic()

    def show(text: str, at_once: bool = False) -> None:
        nonlocal last_line_time
        if console.is_terminal:
            live.update(Text(printable(text), no_wrap=True, overflow="ellipsis"))
            live.start()
        elif at_once or time.monotonic() - last_line_time >= seconds:
            last_line_time = time.monotonic()
            print_line(text)

    try:
        yield show
    finally:
        live.stop()


def work_text(
    description: str, done: int, total: int, seconds: float, done_before: int = 0
) -> str:
    """Describes the progress of work: `encoding the rows  25%  30 s left`.

    Args:
        description: what the work is.
        done: the amount of work that is done now, in any unit.
        total: the amount of all work; 0 if it is not known yet.
        seconds: the time since the amount `done_before` was done.
        done_before: see `seconds`.
    """
    if done <= done_before or not total:
        return description
    seconds_left = seconds * (total - done) / (done - done_before)
    return f"{description} {done / total:4.0%}  {seconds_left:.0f} s left"


@contextmanager
def progress_on_stderr() -> Iterator[Callable[[str, int, int], None]]:
    """Shows the progress of a command's pieces of work on stderr.

    Yields: the function `show_work(description, done, total)`, see `work_text`. A new
        description begins a new piece of work.
    """
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    current_work, start, done_at_start = "", 0.0, 0

    with progress_line(console, tell, SECONDS_PER_LINE_OF_COMMANDS) as show:

        def show_work(description: str, done: int, total: int) -> None:
            nonlocal current_work, start, done_at_start
            now = time.monotonic()
            if description != current_work:
                current_work, start, done_at_start = description, now, done
            show(work_text(description, done, total, now - start, done_at_start))

        yield show_work
