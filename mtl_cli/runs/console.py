"""What a person sees: on the terminal, and the same in `train.log`."""

import contextlib
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console as RichConsole
from rich.live import Live
from rich.measure import Measurement
from rich.table import Table as RichTable
from rich.text import Text

from mtl_cli.core.atomic_write import named_write_errors
from mtl_cli.core.errors import printable
from mtl_cli.core.secrets import mask_secrets
from mtl_cli.evaluation.scores import Scores
from mtl_cli.runs.data_tables import feature_table, task_table
from mtl_cli.runs.score_table import short, tables
from mtl_cli.tasks.base import Output
from mtl_cli.training.progress import Epoch, Progress

LOG_WIDTH = 120


class Console:
    """Prints to the terminal and to a log file.

    Args:
        log: path of the log file.
    """

    def __init__(self, log: Path) -> None:
        self.terminal = RichConsole(highlight=False, soft_wrap=True)
        if not self.terminal.is_terminal:
            self.terminal.width = LOG_WIDTH
        with named_write_errors(log):
            self.file = log.open("a", encoding="utf-8")
        self.log = RichConsole(
            file=self.file, width=LOG_WIDTH, highlight=False, no_color=True
        )

    def line(self, text: str, style: str = "") -> None:
        """Prints a line."""
        self.terminal.print(Text(printable(mask_secrets(text)), style=style))
        self.record(text)

    def warn(self, text: str) -> None:
        """Prints a warning."""
        self.line(f"warning: {text}", "yellow")

    def record(self, text: str) -> None:
        """Writes a line to the log file only."""
        stamp = time.strftime("%Y-%m-%d %H:%M:%S")
        lines = mask_secrets(text).splitlines()
        with named_write_errors(Path(self.file.name)):
            self.file.write("".join(f"{stamp}  {line}\n" for line in lines))
            self.file.flush()

    def scores(self, title: str, outputs: list[Output], scores: Scores) -> None:
        """Prints a row a task and a column a metric, a table for each kind of task."""
        for cells in tables(outputs, scores):
            self.table(cells, title)
            title = ""
        for task, found in scores.items():
            for metric, why in found.get("why", {}).items():
                self.line(f"{task}: {metric} is undefined: {why}")

    def data_report(self, report: dict[str, Any], outputs: list[Output]) -> None:
        """Prints what tasks and features hold."""
        self.table(task_table(report, outputs))
        self.table(feature_table(report))
        for split, share in report["repeated_rows"].items():
            rows = report["splits"][split]
            self.line(
                f"{share * rows:,.0f} of {rows:,} {split} rows are the same as a "
                "training row in all columns that are read"
            )

    def table(self, cells: list[list[str]], title: str = "") -> None:
        """Prints a table; its first row is the head, its first column text.

        Where it is too wide the terminal breaks its lines: no number is cut.
        """
        table = RichTable(
            title=title,
            title_justify="left",
            title_style="bold",
            box=SIMPLE_HEAD,
            pad_edge=False,
            collapse_padding=True,
        )
        # Names come from data: a plain `str` would be read as markup.
        head, *rows = [
            [Text(printable(mask_secrets(cell))) for cell in row] for row in cells
        ]
        for i, name in enumerate(head):
            table.add_column(name, justify="right" if i else "left", no_wrap=True)
        for row in rows:
            table.add_row(*row)
        print_whole(self.terminal, table)
        with named_write_errors(Path(self.file.name)):
            print_whole(self.log, table)

    @contextlib.contextmanager
    def progress(self, epochs: int, monitored: list[Output]) -> Iterator[Progress]:
        """Shows one live line on a terminal, a line an epoch elsewhere.

        Args:
            epochs: how many there will be at most.
            monitored: outputs whose validation metric is shown.
        """
        meter = Meter(epochs, monitored)
        if not self.terminal.is_terminal:

            def tell(epoch: Epoch) -> None:
                self.line(meter.epoch(epoch))

            yield Progress(epoch=tell)
            return
        opening = Text("starting: the first step traces and compiles the model")
        with Live(opening, console=self.terminal, transient=True) as live:

            def show(*step: Any) -> None:
                live.update(Text(meter.step(*step), no_wrap=True, overflow="ellipsis"))

            def keep(epoch: Epoch) -> None:
                text = meter.epoch(epoch)
                live.update(Text(text, no_wrap=True, overflow="ellipsis"))
                self.record(text)

            yield Progress(step=show, epoch=keep)
        self.terminal.print(Text(meter.last))

    def close(self) -> None:
        """Closes the log file; that it could not be written was told before."""
        with contextlib.suppress(OSError):
            self.file.close()


def print_whole(console: RichConsole, table: RichTable) -> None:
    """Prints a table in full width, however narrow the console is."""
    options = console.options.update(max_width=10_000)
    needed = Measurement.get(console, options, table).maximum
    RichConsole(
        file=console.file,
        width=max(needed, console.width),
        highlight=False,
        no_color=console.no_color,
    ).print(table)


class Meter:
    """Words for how far training is.

    Args:
        epochs: how many there will be at most.
        monitored: outputs whose validation metric is shown.
    """

    def __init__(self, epochs: int, monitored: list[Output]) -> None:
        self.epochs = epochs
        self.monitored = monitored
        self.valid = ""
        self.last = ""
        self.start = time.perf_counter()
        self.before: float | None = None  # epochs that an earlier process trained

    def step(
        self, number: int, share: float, losses: dict[str, float], rate: float
    ) -> str:
        """Describes an unfinished epoch."""
        spent = time.perf_counter() - self.start
        trained = number - 1 + share
        if self.before is None:
            self.before = number - 1
        left = (self.epochs - trained) * spent / (trained - self.before)
        # What matters most comes first: a narrow terminal cuts the end.
        return "  ".join(
            [
                f"epoch {number}/{self.epochs} {share:4.0%}",
                f"{left:.0f} s left",
                f"{rate:,.0f} samples/s",
                *([self.valid] if self.valid else []),
                f"loss {numbers(losses)}",
            ]
        )

    def epoch(self, epoch: Epoch) -> str:
        """Describes a finished epoch."""
        found = {}
        for output in self.monitored:
            if epoch.valid:
                metric = output.first_metric
                name = output.name if metric == "auc" else f"{output.name} {metric}"
                found[name] = epoch.valid[output.name][metric]
        self.valid = f"valid {numbers(found)}" if found else ""
        self.last = "  ".join(
            [
                f"epoch {epoch.number}/{self.epochs}",
                f"loss {numbers(epoch.losses)}",
                *([self.valid] if self.valid else []),
                f"{epoch.samples_per_second:,.0f} samples/s",
                *(["best so far"] if epoch.best else []),
            ]
        )
        return self.last


def numbers(values: Mapping[str, float | None]) -> str:
    """Returns `name 0.1234` of each value."""
    return " ".join(f"{name} {short(value)}" for name, value in values.items())
