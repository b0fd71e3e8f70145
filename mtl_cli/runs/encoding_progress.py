"""Shows the progress of encoding a table."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from rich.live import Live
from rich.text import Text

from mtl_cli.runs.console import Console

# Without a terminal, as in notebooks, a line is printed every 10 seconds. A table that
# takes less time prints no line.
SECONDS_PER_LINE = 10.0


@contextmanager
def encoding_progress(console: Console) -> Iterator[Callable[[int, int], None]]:
    """Yields a function that shows the progress: `show(finished rows, all rows)`.

    A terminal shows one line that changes. The line appears at the first call of the
    function and disappears at the end. Without a terminal, lines are printed.

    Args:
        console: the console to print to.
    """
    start = last_line_time = time.monotonic()
    with ExitStack() as stack:
        live: Live | None = None

        def show(done: int, total: int) -> None:
            nonlocal live, last_line_time
            now = time.monotonic()
            text = encoding_text(done, total, now - start)
            if console.terminal.is_terminal:
                if live is None:
                    live = Live(console=console.terminal, transient=True)
                    stack.enter_context(live)
                live.update(Text(text, no_wrap=True, overflow="ellipsis"))
            elif now - last_line_time >= SECONDS_PER_LINE:
                last_line_time = now
                console.print_line(text)

        yield show


def encoding_text(done: int, total: int, seconds: float) -> str:
    """Describes the progress: `encoding the rows   25%  30 s left`.

    Args:
        done: the number of finished rows.
        total: the number of all rows; 0 if the number is not known yet.
        seconds: the time since the start.
    """
    if not done:
        return "reading the rows"
    seconds_left = seconds * (total - done) / done
    return f"encoding the rows {done / total:4.0%}  {seconds_left:.0f} s left"
