"""Prints the output of a run on the terminal, with a copy in `train.log`."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console as RichConsole
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from mtl_cli.core.atomic_write import named_write_errors
from mtl_cli.core.message_text import printable, visible
from mtl_cli.core.secrets import mask_secrets
from mtl_cli.core.terminal import LINE_WIDTH, new_console, progress_line
from mtl_cli.data.report import Report
from mtl_cli.heads.base import Output
from mtl_cli.metrics.score_dict import Scores
from mtl_cli.runs.progress_text import ProgressText
from mtl_cli.runs.text_tables import (
    MAX_FEATURES,
    Cells,
    feature_table,
    scenario_table,
    score_tables,
    task_table,
)
from mtl_cli.training.progress import Epoch, Progress


class Console:
    """Prints to the terminal and appends to a log file, and masks secrets in both.

    If the console is `quiet`, it prints nothing to the terminal.
    """

    def __init__(self, log: Path, quiet: bool = False) -> None:
        self.terminal = new_console(quiet=quiet)
        with named_write_errors(log):
            self.file = log.open("a", encoding="utf-8")
        self.log = RichConsole(
            file=self.file, width=LINE_WIDTH, highlight=False, no_color=True
        )

    def print_line(self, text: str, style: str = "") -> None:
        self.terminal.print(Text(printable(mask_secrets(text)), style=style))
        self.log_line(text)

    def warn(self, text: str) -> None:
        self.print_line(f"warning: {text}", "yellow")

    def log_line(self, text: str) -> None:
        """Appends text to the log file only, with the time in front of each line."""
        now = time.strftime("%Y-%m-%d %H:%M:%S")
        lines = mask_secrets(text).splitlines()
        with named_write_errors(Path(self.file.name)):
            self.file.write("".join(f"{now}  {visible(line)}\n" for line in lines))
            self.file.flush()

    def print_scores(self, title: str, outputs: list[Output], scores: Scores) -> None:
        """Prints the scores of a split, and the reasons why metrics are undefined."""
        for cells in score_tables(scores):
            self.print_table(cells, title)
            title = ""  # only the first table has a title
        if cells := scenario_table(outputs, scores):
            self.print_table(cells, "by scenario")
        for output, metrics in scores.items():
            for metric, reason in metrics.get("why", {}).items():
                self.print_line(f"{output}: {metric} is undefined: {reason}")

    def print_data_report(self, report: Report, outputs: list[Output]) -> None:
        self.print_table(task_table(report, outputs))
        self.print_table(feature_table(report))
        num_left_out = len(report["features"]) - MAX_FEATURES
        if num_left_out > 0:
            self.print_line(
                f"... and {num_left_out:,} more features, in data_report.json of the "
                "run folder (hydra.run.dir=FOLDER keeps it)"
            )

    def print_table(self, cells: Cells, title: str = "") -> None:
        """Prints a table without cutting cells, under a line with its title."""
        print_cells(self.terminal, cells, title)
        with named_write_errors(Path(self.file.name)):
            print_cells(self.log, cells, title)

    @contextlib.contextmanager
    def progress(self, epochs: int, outputs: list[Output]) -> Iterator[Progress]:
        """Yields the functions that show the progress of at most `epochs` epochs.

        A terminal shows one line that changes while the epoch is running. Without a
        terminal, a line is printed after each epoch, and every minute of a longer
        epoch. The line shows the first validation metric of each output.
        """
        text = ProgressText(epochs, outputs)
        with progress_line(self.terminal, self.print_line) as show:
            show("starting: the first step compiles the model")

            def show_epoch(epoch: Epoch) -> None:
                show(text.epoch(epoch), at_once=True)
                if self.terminal.is_terminal:  # else the line is in the log already
                    self.log_line(text.last_epoch)

            yield Progress(step=lambda *step: show(text.step(*step)), epoch=show_epoch)
        # "" if an earlier process has trained all epochs
        if self.terminal.is_terminal and text.last_epoch:
            self.terminal.print(Text(text.last_epoch))

    def close(self) -> None:
        # If the file cannot be written, an earlier write has already reported that.
        with contextlib.suppress(OSError):
            self.file.close()


def print_cells(console: RichConsole, cells: Cells, title: str = "") -> None:
    """Prints a table, and masks secrets. The first column holds names.

    No cell is cut; a narrow terminal wraps the lines of the table.
    """
    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=SIMPLE_HEAD,
        pad_edge=False,
        collapse_padding=True,
    )
    # A name in the data may look like markup of `rich`, such as `[red]`. `Text` prints
    # the name as it is.
    header, *rows = [
        [Text(printable(mask_secrets(cell))) for cell in row] for row in cells
    ]
    for i, name in enumerate(header):
        table.add_column(name, justify="right" if i else "left", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    # `rich` fits a table to the width of its console, so a second console, as wide as
    # the table, prints the table. The width is measured without a limit.
    options = console.options.update(max_width=10_000)
    table_width = Measurement.get(console, options, table).maximum
    type(console)(
        file=console.file,
        width=max(table_width, console.width),
        highlight=False,
        no_color=console.no_color,
        quiet=console.quiet,
    ).print(table)
