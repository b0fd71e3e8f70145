"""The progress bar of `mtl-predict` and `mtl-evaluate`, or its lines in a log."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

from mtl_cli.core.message_text import printable
from mtl_cli.core.terminal import LineTimer


@contextmanager
def progress_bar() -> Iterator[Callable[[str, int, int], None]]:
    """Shows a progress bar inside the block, if stderr is a terminal.

    Without a terminal, work of more than a minute prints a line every minute.

    Yields: a function to call with (description, done, total): it shows that `done` of
        `total` steps are done.
    """
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lines_of_progress()
        return
    with Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    ) as progress:
        bar = progress.add_task("loading", total=None)

        def on_progress(description: str, done: int, total: int) -> None:
            progress.update(bar, description=description, completed=done, total=total)

        yield on_progress


def lines_of_progress() -> Callable[[str, int, int], None]:
    """Returns the function of `progress_bar` that prints lines to stderr."""
    timer = LineTimer()

    def on_progress(description: str, done: int, total: int) -> None:
        if timer.is_due():
            # The total is 0 as long as the number of rows is not known.
            share = f" {done:,} of {total:,} ({done / total:.0%})" if total else ""
            sys.stderr.write(f"{printable(description)}{share}\n")

    return on_progress
