"""Tells how many rows of a table have been read so far."""

from collections.abc import Callable

# Receives the numbers of finished and of all rows.
OnRows = Callable[[int, int], None]


def no_progress(done: int, total: int) -> None:
    """Shows no progress."""


class RowProgress:
    """Counts the rows that are done. All rows are read twice, so each counts twice.

    Args:
        rows: the number of rows.
        on_rows: receives the numbers of finished and of all rows.
    """

    def __init__(self, rows: int, on_rows: OnRows) -> None:
        self.done, self.total, self.on_rows = 0, 2 * rows, on_rows

    def add(self, rows: int) -> None:
        """Counts some rows."""
        self.done += rows
        self.on_rows(self.done, self.total)
