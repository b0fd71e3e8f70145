"""Shows a sweep's jobs: in a live table on a terminal, else one line per ended job."""

import contextlib
import shlex
import threading
import time
from collections.abc import Sequence, Set
from pathlib import Path
from textwrap import fill

from rich.box import SIMPLE_HEAD
from rich.live import Live
from rich.table import Table
from rich.text import Text

from mtl_cli.comparison.leaderboard import write_leaderboard
from mtl_cli.config.overrides import key_of_setting
from mtl_cli.core.errors import DataError, MtlError, WriteError
from mtl_cli.core.message_text import printable
from mtl_cli.core.plugins import plugin_flags
from mtl_cli.core.terminal import new_console
from mtl_cli.runs.job_records import JobRecord, job_records
from mtl_cli.runs.text_tables import format_metric
from mtl_cli.sweep.job_deaths import seconds_since_start

POLL_SECONDS = 0.25
HEADING_WIDTH = 20  # longer headings have several lines
LEADERBOARD_PAUSE = 50  # see `update_leaderboard`
STYLES = {"failed": "red", "interrupted": "yellow", "running": "cyan"}
ORDER = "best first, by trainer.monitor on the validation rows"


class JobTable:
    """Shows the jobs of a sweep, in a thread that reads the jobs' records."""

    def __init__(self, folder: Path, fixed_keys: Set[str] = frozenset()) -> None:
        self.folder = folder
        self.fixed_keys = fixed_keys  # the keys that have the same value in all jobs
        self.console = new_console()
        # Shown when the first job starts, so not if the sweep is refused before.
        self.first_line = ""
        # The first error of writing to stdout. The jobs go on after such an error.
        self.output_error: WriteError | None = None
        self.shown_as_ended: set[str] = set()  # numbers of jobs
        self.num_on_leaderboard = 0  # the number of ended jobs on the leaderboard
        # The monotonic time before which the leaderboard is not written again.
        self.next_leaderboard_time = 0.0
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self.follow, daemon=True)

    def start(self) -> None:
        """Starts the thread that shows the jobs."""
        self.thread.start()

    def stop(self) -> None:
        """Stops the thread; shows the final table and the next command to try."""
        self.is_over.set()
        self.thread.join()
        started = [record for record in self.records() if record.has_started]
        if not started:
            return
        try:
            write_leaderboard(self.folder)
        except MtlError as error:
            self.print_line(f"warning: {error}")
        self.print(self.rich_table(best_first(started)))
        if any(record.objective is not None for record in started):
            self.print_line(ORDER)
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
                self.print_first_line(records)
                self.update_leaderboard(records)
                max_rows = max(3, self.console.height - 5)
                live.update(self.rich_table(records[-max_rows:], one_line=True))

    def print_first_line(self, records: list[JobRecord]) -> None:
        if self.first_line and records:
            self.print_line(self.first_line)
            self.first_line = ""

    def print_ended_jobs(self) -> None:
        """Prints one line for each job that has ended since the last call."""
        records = self.records()
        self.print_first_line(records)
        for record in records:
            if record.status != "running" and record.number not in self.shown_as_ended:
                self.shown_as_ended.add(record.number)
                line = line_of_ended_job(record, self.fixed_keys)
                self.print(Text(printable(line), no_wrap=True))
        self.update_leaderboard(records)

    def update_leaderboard(self, records: list[JobRecord]) -> None:
        """Writes the leaderboard if jobs have ended and it was not written recently.

        If writing takes 1 s, as in a large sweep, the next writing begins at least
        `LEADERBOARD_PAUSE` s later: it takes at most 2 % of the time.
        """
        num_ended = sum(record.status != "running" for record in records)
        start = time.monotonic()
        if num_ended == self.num_on_leaderboard or start < self.next_leaderboard_time:
            return
        # `stop` writes the leaderboard again, and reports the error.
        with contextlib.suppress(MtlError):
            write_leaderboard(self.folder)
        seconds = time.monotonic() - start
        self.next_leaderboard_time = start + LEADERBOARD_PAUSE * seconds
        self.num_on_leaderboard = num_ended

    def rich_table(self, records: list[JobRecord], one_line: bool = False) -> Table:
        """Returns a table with one row per job. `one_line` cuts long settings."""
        titles = list(dict.fromkeys(title for r in records for title in r.shown_scores))
        table = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
        for name in ("job", "settings", "status", "seconds", *titles):
            table.add_column(
                fill(name, HEADING_WIDTH, break_long_words=False),
                justify="left" if name in ("settings", "status") else "right",
                no_wrap=name != "settings",  # only settings may be wrapped
            )
        for record in records:
            status, seconds = record.status, record.seconds
            if status == "running":
                seconds = seconds_since_start(self.folder, record)
                status = "running" if record.pid else "starting"
            settings = shown_settings(record.settings, self.fixed_keys)
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


def best_first(records: list[JobRecord]) -> list[JobRecord]:
    """Sorts jobs: the greatest objective first, jobs without an objective last.

    Only jobs with the same monitor and the same validation rows are sorted together,
    jobs like the first job first. Among them, jobs that train fewer tasks come last,
    and jobs that train other tasks are not sorted together: an objective is often a
    mean over the tasks.
    """
    scored = [record for record in records if record.objective is not None]
    measures = list(dict.fromkeys(record.measure for record in scored))
    task_sets = list(dict.fromkeys(frozenset(record.scores) for record in scored))

    def key(record: JobRecord) -> tuple[bool, int, int, int, float]:
        if record.objective is None:
            return True, 0, 0, 0, 0.0
        measure = measures.index(record.measure)
        tasks = task_sets.index(frozenset(record.scores))
        return False, measure, -len(record.scores), tasks, -record.objective

    return sorted(records, key=key)


def line_of_ended_job(record: JobRecord, fixed_keys: Set[str]) -> str:
    """Returns a line with the status, the settings, and the scores or the error."""
    status = f"{record.status} in {record.seconds:.1f} s"
    if record.status == "skipped":
        status = "skipped, done before"  # by an earlier start of the sweep
    # The titles of the final table add what a monitored value is: `(mean ne, ...)`.
    result = " ".join(
        f"{title.partition(' (')[0]} {format_metric(score)}"
        for title, score in record.shown_scores.items()
    )
    if record.error and record.error != record.status:
        result = record.error
    settings = shown_settings(record.settings, fixed_keys)
    return f"job {record.number} {status}  {settings}  {result}".rstrip()


def shown_settings(settings: Sequence[str], fixed_keys: Set[str]) -> str:
    """Returns the settings of a job on one line.

    Settings of `fixed_keys` are left out, unless the job has no other settings.
    """
    own_settings = [s for s in settings if key_of_setting(s) not in fixed_keys]
    return " ".join(own_settings or settings)
