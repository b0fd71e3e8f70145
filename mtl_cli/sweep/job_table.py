"""The table of a sweep's jobs: live on a terminal, a line a job elsewhere."""

import re
import threading
import time
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.live import Live
from rich.table import Table as RichTable
from rich.text import Text

from mtl_cli.runs.job_records import JobRecord, job_records
from mtl_cli.runs.score_table import short
from mtl_cli.sweep.board import write_board

POLL_SECONDS = 0.25
WIDTH = 120
BOARD_SHARE = 50
STYLES = {"failed": "red", "interrupted": "yellow", "running": "cyan"}


class Table:
    """Shows the jobs of a sweep from their records, whoever runs them.

    Args:
        folder: of the sweep.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.console = Console(highlight=False, soft_wrap=True)
        if not self.console.is_terminal:
            self.console.width = WIDTH
        self.told: set[str] = set()
        self.next_board = 0.0
        self.begun: dict[str, float] = {}
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.follow, daemon=True)

    def start(self) -> None:
        """Begins to show."""
        self.thread.start()

    def stop(self) -> None:
        """Shows how things stand at the end: the jobs, best first, and what to do."""
        self.ended.set()
        self.thread.join()
        found = [record for record in job_records(self.folder) if record.begun]
        if not found:
            return
        write_board(self.folder, found)
        ranked = [r for r in found if r.objective is not None]
        ranked.sort(key=lambda r: r.objective or 0.0, reverse=True)
        others = [r for r in found if r.objective is None]
        self.console.print(self.cells([*ranked, *others]))
        self.say(f"sweep folder: {self.folder}")
        if any(record.scores for record in found):
            self.say(f"try next:     mtl-compare {self.folder}")

    def say(self, line: str) -> None:
        """Prints a line."""
        self.console.print(Text(line))

    def follow(self) -> None:
        """Shows changes until the end."""
        if not self.console.is_terminal:
            while not self.ended.wait(POLL_SECONDS):
                self.tell()
            self.tell()
            return
        with Live(console=self.console, transient=True, refresh_per_second=4) as live:
            while not self.ended.wait(POLL_SECONDS):
                self.news()
                found = list(job_records(self.folder))[-self.room :]
                live.update(self.cells(found, one_line=True))
        self.news()

    @property
    def room(self) -> int:
        """How many rows a terminal has for jobs."""
        return max(3, self.console.height - 5)

    def tell(self) -> None:
        """Prints a line for each job that has ended since."""
        for record in self.news():
            scores = " ".join(f"{task} {short(x)}" for task, x in record.scores.items())
            how = f"{record.status} in {record.seconds:.1f} s"
            how = "skipped, done before" if record.status == "skipped" else how
            line = f"job {record.number} {how}  "
            why = "" if record.error == record.status else record.error
            line += f"{' '.join(record.settings)}  {why or scores}"
            self.console.print(Text(line.rstrip(), no_wrap=True))

    def news(self) -> list[JobRecord]:
        """Returns the jobs that have ended since; the leaderboard then holds them."""
        found = list(job_records(self.folder))
        for record in found:
            if record.pid:
                self.begun.setdefault(record.number, time.monotonic())
        new = [r for r in found if r.status != "running" and r.number not in self.told]
        self.told.update(record.number for record in new)
        if new and time.monotonic() > self.next_board:
            start = time.monotonic()
            write_board(self.folder, found)
            # It grows with the jobs: most of the time is theirs.
            self.next_board = start + BOARD_SHARE * (time.monotonic() - start)
        return new

    def cells(self, found: list[JobRecord], one_line: bool = False) -> RichTable:
        """Returns a table with a row a job: only settings that differ are shown.

        Args:
            found: the records of the jobs.
            one_line: whether to cut settings that are too long for the terminal.
        """
        tasks = list(dict.fromkeys(task for r in found for task in r.scores))
        table = RichTable(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
        for name in ("job", "settings", "status", "seconds", *tasks):
            left = name in ("settings", "status")
            table.add_column(
                name,
                justify="left" if left else "right",
                no_wrap=name != "settings",  # which gives way to the others
            )
        common = set.intersection(*(set(r.settings) for r in found)) if found else set()
        for record in found:
            own = [s for s in record.settings if len(found) == 1 or s not in common]
            status, seconds = record.status, record.seconds
            if status == "running":
                now = time.monotonic()
                seconds = now - self.begun.get(record.number, now)
                status = "running" if record.pid else "starting"
            table.add_row(
                record.number,
                Text(
                    " ".join(map(rounded, own)),
                    no_wrap=one_line,
                    overflow="ellipsis" if one_line else "fold",
                ),
                Text(status, style=STYLES.get(status, "")),
                f"{seconds:.1f}",
                *(short(record.scores.get(task)) for task in tasks),
            )
        return table


def rounded(setting: str) -> str:
    """Returns a setting with long numbers rounded.

    >>> rounded("model.dropout=0.09402725344777285")
    'model.dropout=0.09403'
    """
    return re.sub(r"\d+\.\d{6,}", lambda found: f"{float(found[0]):.4g}", setting)
