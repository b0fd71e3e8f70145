"""Prints the tables of a comparison on a terminal, without cutting any number."""

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from mtl_cli.comparison.difference import Verdict
from mtl_cli.comparison.results import DatasetComparison
from mtl_cli.comparison.table_cells import headings, setting_cells, task_cells
from mtl_cli.comparison.task import Task

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


def print_tables(comparison: DatasetComparison, console: Console) -> None:
    """Prints one table if it fits the terminal, and one table per task if not.

    If the table of a task is still too wide, its lines are longer than the terminal is
    wide: otherwise rich would cut numbers.
    """
    tasks = comparison.tasks
    # To measure a table, rich needs options that allow more width than the terminal.
    wide = console.options.update(max_width=10_000)
    tables = [rich_table(comparison, tasks)]
    if Measurement.get(console, wide, tables[0]).maximum > console.width:
        tables = [rich_table(comparison, [task]) for task in tasks]
    width = console.width
    for table in tables:
        console.width = max(width, Measurement.get(console, wide, table).minimum)
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
