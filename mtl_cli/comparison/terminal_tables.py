"""Prints the tables of a comparison on a terminal, without cutting any number."""

import contextlib
from collections.abc import Iterator
from typing import NamedTuple

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from mtl_cli.comparison.difference import Verdict
from mtl_cli.comparison.intervals import interval_text
from mtl_cli.comparison.lines import TRAINING_TABLE_KEY
from mtl_cli.comparison.results import DatasetComparison
from mtl_cli.comparison.table_cells import headings, setting_cells, task_cells
from mtl_cli.comparison.task import Task
from mtl_cli.core.message_text import counted

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
MAX_DAYS = 30  # the largest number of days in the table of a line (`lines.py`)


def print_tables(comparison: DatasetComparison, console: Console) -> None:
    """Prints one table if it fits the terminal, and one table per task if not."""
    tasks = comparison.tasks
    task_tables = [rich_table(comparison, [task]) for task in tasks]
    print_fitting(rich_table(comparison, tasks), task_tables, console)


def print_days(days: list[DatasetComparison], console: Console) -> None:
    """Prints the scores of a line, a chain of runs: one row for each of its last days.

    Each of `days` is the comparison of a single configuration: the run of the day.
    """
    shown_days = days[-MAX_DAYS:]
    title = counted(len(days), "day")
    if len(shown_days) < len(days):
        title = f"last {len(shown_days)} of {title}"
    line = f"{days[0].baseline.model} on {days[0].dataset_name}"
    console.rule(Text(f"{title} of {line}", style="bold"))
    rows = [day_row(day) for day in shown_days]
    all_headings = list(dict.fromkeys(name for row in rows for name in row.scores))
    task_tables = [day_table(rows, [heading]) for heading in all_headings]
    print_fitting(day_table(rows, all_headings), task_tables, console)


class DayRow(NamedTuple):
    """A row of the table of a line.

    Attributes:
        training_table: the table that the run of the day was trained on.
        scores: {heading of a task's column: score as text}.
    """

    training_table: str
    scores: dict[str, str]


def day_row(day: DatasetComparison) -> DayRow:
    """Returns the row of a day on which only one line has a run."""
    scores = {
        f"{task.name} {task.metric_title}": interval_text(
            task.scores[0].interval, task.decimals
        )
        for task in day.tasks
    }
    return DayRow(day.baseline.settings.get(TRAINING_TABLE_KEY, ""), scores)


def print_fitting(table: Table, task_tables: list[Table], console: Console) -> None:
    """Prints a table if it fits the terminal, and otherwise one table per task.

    If the table of a task is still too wide, its lines are longer than the terminal is
    wide: otherwise rich would cut numbers.
    """
    # To measure a table, rich needs options that allow more width than the terminal.
    wide = console.options.update(max_width=10_000)
    fits = Measurement.get(console, wide, table).maximum <= console.width
    for printed in [table] if fits else task_tables:
        min_width = Measurement.get(console, wide, printed).minimum
        with at_least_as_wide(console, min_width):
            console.print(printed)


@contextlib.contextmanager
def at_least_as_wide(console: Console, min_width: int) -> Iterator[None]:
    """Widens a console that is narrower than `min_width` inside the block."""
    width = console.width
    console.width = max(width, min_width)
    try:
        yield
    finally:
        console.width = width


def rich_table(comparison: DatasetComparison, tasks: list[Task]) -> Table:
    """Returns the table of some tasks; the best score of each task is bold."""
    num_configurations = len(comparison.configurations)
    rows = [rich_row(comparison, tasks, i) for i in range(num_configurations)]
    return table_of_cells(headings(comparison, tasks), rows, len(comparison.shown_keys))


def day_table(rows: list[DayRow], task_headings: list[str]) -> Table:
    """Returns the table of the days of a line, with the columns of some tasks."""
    cells = []
    for row in rows:
        texts = [row.scores.get(heading, "") for heading in task_headings]
        cells.append([Text(row.training_table), *map(Text, texts)])
    return table_of_cells(["train", *task_headings], cells, num_settings=1)


def table_of_cells(
    column_headings: list[str], rows: list[list[Text]], num_settings: int
) -> Table:
    """Returns a table whose columns are wide enough for their numbers.

    The first `num_settings` columns are settings. `rows` are the cells of each row.
    """
    table = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for i, column_heading in enumerate(column_headings):
        is_setting = i < num_settings
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
    """Returns the cells of the i-th configuration in the table of some tasks."""
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
