"""Prints the tables of a comparison on a terminal, without cutting any number."""

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
STYLES: dict[str, str] = {Verdict.BETTER: "green", Verdict.WORSE: "red"}
# The columns of settings may become as narrow as this if the table is too wide. Longer
# settings are then broken into several lines. All other columns keep their width.
MIN_SETTING_WIDTH = 16
MAX_DAYS = 30  # the largest number of days in the table of a line


def print_tables(comparison: DatasetComparison, console: Console) -> None:
    """Prints one table if it fits the terminal, and one table per task if not."""
    tasks = comparison.tasks
    by_task = [rich_table(comparison, [task]) for task in tasks]
    print_fitting(rich_table(comparison, tasks), by_task, console)


def print_days(days: list[DatasetComparison], console: Console) -> None:
    """Prints the scores of a line: one row for each of its last days."""
    rows = []
    for day in days:
        scores = {
            f"{task.name} {task.metric_title}": interval_text(
                task.scores[0].interval, task.decimals
            )
            for task in day.tasks
        }
        rows.append((day.baseline.settings.get(TRAINING_TABLE_KEY, ""), scores))
    num_shown = min(len(rows), MAX_DAYS)
    title = counted(len(rows), "day")
    if num_shown < len(rows):
        title = f"last {num_shown} of {title}"
    line = f"{days[0].baseline.model} on {days[0].dataset_name}"
    console.rule(Text(f"{title} of {line}", style="bold"))
    rows = rows[-num_shown:]
    names = list(dict.fromkeys(name for _, scores in rows for name in scores))
    by_task = [day_table(rows, [name]) for name in names]
    print_fitting(day_table(rows, names), by_task, console)


def print_fitting(table: Table, by_task: list[Table], console: Console) -> None:
    """Prints one table if it fits the terminal, and the tables of its tasks if not.

    A table of one task that is still too wide is printed wider than the terminal, so
    that rich does not cut numbers.
    """
    # To measure a table, rich needs options that allow more width than the terminal.
    wide = console.options.update(max_width=10_000)
    console_width = console.width
    is_too_wide = Measurement.get(console, wide, table).maximum > console_width
    for printed in by_task if is_too_wide else [table]:
        min_width = Measurement.get(console, wide, printed).minimum
        console.width = max(console_width, min_width)
        console.print(printed)
    console.width = console_width


def rich_table(comparison: DatasetComparison, tasks: list[Task]) -> Table:
    """Returns the table of some tasks; the best score of each task is bold."""
    num_configurations = len(comparison.configurations)
    rows = [rich_row(comparison, tasks, i) for i in range(num_configurations)]
    return table_of_cells(headings(comparison, tasks), rows, len(comparison.shown_keys))


def day_table(rows: list[tuple[str, dict[str, str]]], names: list[str]) -> Table:
    """Returns the table of the days of a line.

    Args:
        rows: for each day, its training table and {heading of a task: score}.
        names: the headings of the tasks in the table.
    """
    cells = [[day, *(scores.get(name, "") for name in names)] for day, scores in rows]
    texts = [[Text(cell) for cell in row] for row in cells]
    return table_of_cells(["train", *names], texts, num_settings=1)


def table_of_cells(
    names: list[str], rows: list[list[Text]], num_settings: int
) -> Table:
    """Returns a table whose columns are wide enough for their numbers.

    Args:
        names: the headings of the columns.
        rows: the cells of each row.
        num_settings: how many of the first columns are settings.
    """
    table = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for i, name in enumerate(names):
        is_setting = i < num_settings
        is_verdict = name == "verdict" and not is_setting
        heading = Text("" if is_verdict else name)  # A verdict needs no heading.
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
            Text(SHORT_VERDICTS.get(verdict, verdict), STYLES.get(verdict, "")),
            *map(Text, to_twins),
        ]
    return row
