"""Reports how many rows of the data have been read so far."""

from collections.abc import Callable

# A function that is called with the number of rows done, and the number of all rows.
OnRows = Callable[[int, int], None]


def no_progress(done: int, total: int) -> None:
    """Ignores the progress."""


class RowProgress:
    """Counts the rows that are done.

    All rows are read twice, see `encode_sources`. So each row counts twice.

    Args:
        num_rows: the number of rows of the data.
        on_rows: is called with the progress.
    """

    def __init__(self, num_rows: int, on_rows: OnRows) -> None:
        self.done, self.total, self.on_rows = 0, 2 * num_rows, on_rows

    def add(self, num_rows: int) -> None:
        """Counts further rows as done, and reports the progress."""
        self.done += num_rows
        self.on_rows(self.done, self.total)
