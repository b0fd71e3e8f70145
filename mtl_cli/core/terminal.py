"""Makes the consoles that print to stdout."""

from rich.console import Console

LINE_WIDTH = 120  # characters of a line, if stdout is not a terminal


def new_console() -> Console:
    """Returns a console that writes to stdout."""
    console = Console(highlight=False, soft_wrap=True)
    if not console.is_terminal:
        console.width = LINE_WIDTH
    return console
