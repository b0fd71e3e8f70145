"""The progress bar of `mtl-predict` and `mtl-evaluate`."""

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


@contextmanager
def progress_bar() -> Iterator[Callable[[str, int, int], None]]:
    """Shows a progress bar inside the block, if stderr is a terminal.

    Yields: a function to call with (description, done, total): it shows that `done` of
        `total` steps are done.
    """
    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        bar = progress.add_task("loading", total=None)

        def on_progress(description: str, done: int, total: int) -> None:
            progress.update(bar, description=description, completed=done, total=total)

        yield on_progress
