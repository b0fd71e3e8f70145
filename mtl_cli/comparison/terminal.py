"""Writes comparisons for a terminal: tables, sentences and warnings.

No number is cut, even if a table is wider than the terminal.
"""

import io
import sys
from collections.abc import Sequence
from typing import TextIO

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mtl_cli.comparison.difference import Verdict
from mtl_cli.comparison.intervals import interval_text
from mtl_cli.comparison.lines import TRAINING_TABLE_KEY
from mtl_cli.comparison.results import DatasetComparison, without_earlier_days
from mtl_cli.comparison.table import (
    all_warnings,
    headings,
    legend,
    setting_cells,
    task_cells,
)
from mtl_cli.comparison.task import Task
from mtl_cli.core.message_text import counted, visible
from mtl_cli.core.terminal import LINE_WIDTH

# {verdict: its shorter text in the table}. Other verdicts stay as they are.
SHORT_VERDICTS: dict[str, str] = {
    Verdict.NOT_REAL: "not real",
    Verdict.THESE_ROWS_ONLY: "rows only",
    Verdict.TOO_FEW_SEEDS: "few seeds",
    Verdict.TOO_FEW_ROWS: "few rows",
    Verdict.NOT_COMPARABLE: "other rows or weights",
    Verdict.TOO_FEW_DAYS: "few days",
    Verdict.AHEAD: "ahead",
    Verdict.BEHIND: "behind",
}
VERDICT_STYLES: dict[str, str] = {Verdict.BETTER: "green", Verdict.WORSE: "red"}
# The columns of settings may become as narrow as this if the table is too wide. Longer
# settings are then broken into several lines. All other columns keep their width.
MIN_SETTING_WIDTH = 16


def terminal_text(
    comparisons: list[DatasetComparison],
    line_comparisons: Sequence[DatasetComparison] = (),
) -> str:
    """Returns the tables and sentences of data sets and of lines, and the warnings.

    Days before the last have no tables if lines are compared, or if only one line has
    runs on these days. In the second case, a list has the scores of each day.
    """
    days = [c for c in comparisons if c.is_day_of_lines and len(c.configurations) == 1]
    if line_comparisons:
        days = []
        shown = without_earlier_days(comparisons)
    else:
        shown = [c for c in comparisons if c not in days[:-1]]
    console, stream = memory_console()
    if num_hidden := len(comparisons) - len(shown):
        hidden_days = counted(num_hidden, "earlier day")
        note = f"tables of {hidden_days} are in --json and --html"
        console.print(Text(note, style="dim"))
    for comparison in shown:
        if len(comparisons) > 1:
            console.rule(Text(f"data set {comparison.dataset}", style="bold"))
        print_comparison(comparison, console)
    if len(days) > 1:
        console.rule(Text(f"scores of {len(days)} days", style="bold"))
        for day in days:
            console.print(Text(day_text(day)))
    for comparison in line_comparisons:
        console.rule(Text(comparison.heading, style="bold"))
        print_comparison(comparison, console)
    everything = [*comparisons, *line_comparisons]
    bold = "The best score of each task is bold. " if console.is_terminal else ""
    console.print(Text(f"\n{bold}{legend(everything)}", style="dim"))
    for warning in all_warnings(everything):
        console.print(Text(visible(f"warning: {warning}"), style="yellow"))
    stream.seek(0)
    return stream.read()


def memory_console() -> tuple[Console, TextIO]:
    """Returns a console that writes into a stream in memory, and the stream.

    The text goes to stdout later, in one piece: stdout may be a file on a full disk,
    and `write_to_stdout` reports that error. The stream has the encoding of stdout,
    because rich chooses its characters by the encoding.
    """
    on_terminal = sys.stdout.isatty()
    encoding = sys.stdout.encoding or "utf-8"
    stream = io.TextIOWrapper(io.BytesIO(), encoding, errors="replace")
    console = Console(file=stream, force_terminal=on_terminal, highlight=False)
    if not on_terminal:
        console.width = LINE_WIDTH
    return console, stream


def day_text(day: DatasetComparison) -> str:
    """Returns the model and training table of a day with one run, and its scores."""
    scores = [
        f"{t.name} {t.metric_title} {interval_text(t.scores[0].interval, t.decimals)}"
        for t in day.tasks
    ]
    table = day.baseline.settings.get(TRAINING_TABLE_KEY, "")
    return f"{day.baseline.model} {table}: {', '.join(scores)}"


def print_comparison(comparison: DatasetComparison, console: Console) -> None:
    """Prints the tables and the sentences of one data set, then those of scenarios."""
    summary = (
        f"{comparison.count_text}, {counted(comparison.num_runs, 'run')}, "
        f"{comparison.split} rows; baseline {comparison.baseline.name} "
        f"({comparison.baseline_reason})"
    )
    console.print(Text(summary))
    print_tables(comparison, console)
    for task in comparison.tasks:
        if task.sentences:
            console.print(Text(task.title, style="bold"))
        for sentence in task.sentences:
            console.print(Text(f"  {sentence}"))
    for name, on_scenario in comparison.by_scenario.items():
        console.print(Text(f"scenario {name}", style="bold"))
        print_tables(on_scenario, console)


def print_tables(comparison: DatasetComparison, console: Console) -> None:
    """Prints one table if it fits the terminal, and one table per task if not.

    If the table of a task is still too wide, its lines are longer than the terminal is
    wide: otherwise rich would cut numbers.
    """
    tasks = comparison.tasks
    # To measure a table, rich needs options that allow more width than the terminal.
    wide = console.options.update(max_width=10_000)
    tables = [rich_table(comparison, tasks)]
    if console.measure(tables[0], options=wide).maximum > console.width:
        tables = [rich_table(comparison, [task]) for task in tasks]
    width = console.width
    for table in tables:
        console.width = max(width, console.measure(table, options=wide).minimum)
        console.print(table)
        console.width = width


def rich_table(comparison: DatasetComparison, tasks: list[Task]) -> Table:
    """Returns the table of some tasks, with columns wide enough for their numbers."""
    num_configurations = len(comparison.configurations)
    rows = [rich_row(comparison, tasks, i) for i in range(num_configurations)]
    table = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for i, column_heading in enumerate(headings(comparison, tasks)):
        is_setting = i < len(comparison.shown_keys)
        is_verdict = column_heading == "verdict" and not is_setting
        # A verdict needs no heading.
        heading = Text("" if is_verdict else column_heading)
        # A Chinese character, for example, has the width of two letters.
        width = max(text.cell_len for text in (heading, *(row[i] for row in rows)))
        table.add_column(
            heading,
            justify="left" if is_setting or is_verdict else "right",
            overflow="fold",
            no_wrap=not is_setting,
            min_width=min(width, MIN_SETTING_WIDTH) if is_setting else width,
        )
    for row in rows:
        table.add_row(*row)
    return table


def rich_row(comparison: DatasetComparison, tasks: list[Task], i: int) -> list[Text]:
    """Returns the cells of the i-th configuration; best scores are bold."""
    row = [Text(cell) for cell in setting_cells(comparison, i)]
    for task in tasks:
        mean, difference, verdict, *to_twins = task_cells(task, task.scores[i])
        is_best = task.scores[i] is task.best
        row += [
            Text(mean, style="bold" if is_best else ""),
            Text(difference),
            Text(SHORT_VERDICTS.get(verdict, verdict), VERDICT_STYLES.get(verdict, "")),
            *map(Text, to_twins),
        ]
    return row
