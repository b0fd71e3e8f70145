"""Shows a sweep's jobs: in a live table on a terminal, else one line per ended job."""

import contextlib
import shlex
import threading
import time
from collections.abc import Callable, Set
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.live import Live
from rich.table import Table
from rich.text import Text

from mtl_cli.comparison.leaderboard import write_leaderboard
from mtl_cli.core.errors import DataError, WriteError
from mtl_cli.core.message_text import printable
from mtl_cli.core.plugins import plugin_flags
from mtl_cli.core.terminal import new_console
from mtl_cli.runs.job_records import JobRecord, job_records
from mtl_cli.runs.text_tables import format_metric
from mtl_cli.sweep.job_order import best_first, order_of_table
from mtl_cli.sweep.job_text import line_of_ended_job, shown_settings

POLL_SECONDS = 0.25
# If writing the leaderboard takes 1 s, as in a large sweep, the next writing begins at
# least 50 s later. So the writing takes at most 2 % of the time.
LEADERBOARD_PAUSE = 50
STYLES = {"failed": "red", "interrupted": "yellow", "running": "cyan"}


class JobTable:
    """Shows the jobs of a sweep, in a thread that reads the jobs' records."""

    def __init__(self, folder: Path, fixed_keys: Set[str] = frozenset()) -> None:
        self.folder = folder
        self.fixed_keys = fixed_keys  # the keys that have the same value in all jobs
        self.console = new_console()
        # The first error of writing to stdout. The jobs go on after such an error.
        self.output_error: WriteError | None = None
        self.shown_as_ended: set[str] = set()  # numbers of jobs
        self.start_times: dict[str, float] = {}  # {number of a job: monotonic time}
        # Whether a job has ended since the leaderboard was last written.
        self.leaderboard_is_old = False
        # The monotonic time before which the leaderboard is not written again.
        self.next_leaderboard_time = 0.0
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self.follow, daemon=True)

    def start(self) -> None:
        """Starts the thread that shows the jobs."""
        self.thread.start()

    def stop(self, remark: Callable[[], str] = str) -> None:
        """Stops the thread; shows the final table and the next command to try.

        `remark` returns a line to show below the order of the table, or "" for none. It
        is called after the thread has ended, since it may wait for a database.
        """
        self.is_over.set()
        self.thread.join()
        started = [record for record in self.records() if record.has_started]
        if not started:
            return
        try:
            write_leaderboard(self.folder)
        except (DataError, WriteError) as error:
            self.print_line(f"warning: {error}")
        self.print(self.rich_table(best_first(started)))
        if order := order_of_table(started):
            self.print_line(order)
        if line := remark():
            self.print_line(line)
        self.print_line(f"sweep folder: {self.folder}")
        if any(record.scores for record in started):
            command = ["mtl-compare", str(self.folder), *plugin_flags()]
            self.print_line(f"try next:     {shlex.join(command)}")

    def records(self) -> list[JobRecord]:
        """Returns the records of the jobs, up to the first damaged record.

        `Session.finish` raises an error about the damaged record.
        """
        records = []
        with contextlib.suppress(DataError):
            for record in job_records(self.folder):
                records.append(record)
        return records

    def print_line(self, line: str) -> None:
        """Prints a line of text, without markup."""
        self.print(Text(printable(line)))

    def print(self, renderable: Text | Table) -> None:
        """Prints to stdout. After an error, stdout goes to the null device."""
        try:
            self.console.print(renderable)
        except WriteError as error:
            self.output_error = self.output_error or error

    def follow(self) -> None:
        """Shows the jobs as their records change, until `stop` is called."""
        if not self.console.is_terminal:
            while not self.is_over.wait(POLL_SECONDS):
                self.print_ended_jobs()
            self.print_ended_jobs()
            return
        with Live(console=self.console, transient=True, refresh_per_second=4) as live:
            while not self.is_over.wait(POLL_SECONDS):
                records = self.records()
                self.note_changes(records)
                max_rows = max(3, self.console.height - 5)
                live.update(self.rich_table(records[-max_rows:], one_line=True))
        self.note_changes(self.records())

    def print_ended_jobs(self) -> None:
        """Prints one line for each job that has ended since the last call."""
        for record in self.note_changes(self.records()):
            line = line_of_ended_job(record, self.fixed_keys)
            self.print(Text(printable(line), no_wrap=True))

    def note_changes(self, records: list[JobRecord]) -> list[JobRecord]:
        """Notes the jobs that have begun or ended since the last call.

        If jobs have ended, the leaderboard is written, unless it was written recently.

        Returns: the jobs that have ended.
        """
        for record in records:
            if record.pid:
                self.start_times.setdefault(record.number, time.monotonic())
        ended = [
            record
            for record in records
            if record.status != "running" and record.number not in self.shown_as_ended
        ]
        self.shown_as_ended.update(record.number for record in ended)
        self.leaderboard_is_old = self.leaderboard_is_old or bool(ended)
        if self.leaderboard_is_old and time.monotonic() > self.next_leaderboard_time:
            self.update_leaderboard()
        return ended

    def update_leaderboard(self) -> None:
        """Writes the leaderboard, and sets the earliest time of the next writing."""
        start = time.monotonic()
        # `stop` writes the leaderboard again, and reports the error.
        with contextlib.suppress(DataError, WriteError):
            write_leaderboard(self.folder)
        seconds = time.monotonic() - start
        self.next_leaderboard_time = start + LEADERBOARD_PAUSE * seconds
        self.leaderboard_is_old = False

    def rich_table(self, records: list[JobRecord], one_line: bool = False) -> Table:
        """Returns a table with one row per job. `one_line` cuts long settings."""
        titles = list(dict.fromkeys(title for r in records for title in r.shown_scores))
        table = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
        for name in ("job", "settings", "status", "seconds", *titles):
            table.add_column(
                name,
                justify="left" if name in ("settings", "status") else "right",
                no_wrap=name != "settings",  # only settings may be wrapped
            )
        for record in records:
            status, seconds = self.status_and_seconds(record)
            settings = shown_settings(record, self.fixed_keys)
            table.add_row(
                record.number,
                Text(
                    printable(settings),
                    no_wrap=one_line,
                    overflow="ellipsis" if one_line else "fold",
                ),
                Text(status, style=STYLES.get(status, "")),
                f"{seconds:.1f}",
                *(format_metric(record.shown_scores.get(title)) for title in titles),
            )
        return table

    def status_and_seconds(self, record: JobRecord) -> tuple[str, float]:
        """Returns a job's status for the table, and for how long the job has run."""
        if record.status != "running":
            return record.status, record.seconds
        now = time.monotonic()
        seconds = now - self.start_times.get(record.number, now)
        return "running" if record.pid else "starting", seconds
