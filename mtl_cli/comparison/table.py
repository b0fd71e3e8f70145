"""Writes the table of a comparison, for the terminal and as Markdown."""

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from mtl_cli.comparison.configurations import short_key
from mtl_cli.comparison.difference import Verdict
from mtl_cli.comparison.formats import interval_text
from mtl_cli.comparison.results import DatasetComparison, Score, Task
from mtl_cli.core.errors import visible

SHORT_VERDICTS: dict[str, str] = {
    Verdict.NOT_REAL: "not real",
    Verdict.THESE_ROWS_ONLY: "rows only",
    Verdict.TOO_FEW_SEEDS: "few seeds",
    Verdict.NOT_COMPARABLE: "other rows",
}
STYLES: dict[str, str] = {Verdict.BETTER: "green", Verdict.WORSE: "red"}
# The columns of settings may become as narrow as this if the table is too wide. Longer
# settings are then broken into several lines. All other columns keep their width.
MIN_SETTING_WIDTH = 16


def print_tables(comparison: DatasetComparison, console: Console) -> None:
    """Prints one table if it fits the terminal, and one table per task if not.

    A table of one task that is still too wide is printed wider than the terminal, so
    that rich does not cut numbers.
    """

    def width(table: Table) -> Measurement:
        options = console.options.update(max_width=10_000)  # wider than any table
        return Measurement.get(console, options, table)

    console_width = console.width
    tables = [rich_table(comparison, comparison.tasks)]
    if width(tables[0]).maximum > console_width:
        tables = [rich_table(comparison, [task]) for task in comparison.tasks]
    for table in tables:
        console.width = max(console_width, width(table).minimum)
        console.print(table)
    console.width = console_width


def rich_table(comparison: DatasetComparison, tasks: list[Task]) -> Table:
    """Returns the table of some tasks for a terminal.

    The best score of each task is bold.
    """
    rows = []
    for i in range(len(comparison.configurations)):
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
        rows.append(row)
    table = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for i, name in enumerate(headings(comparison, tasks)):
        is_setting = i < len(comparison.shown_keys)
        is_verdict = name == "verdict" and not is_setting
        heading = "" if is_verdict else name  # a verdict explains itself
        width = max(len(heading), *(row[i].cell_len for row in rows))
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


def as_markdown(comparisons: list[DatasetComparison]) -> str:
    """Returns Markdown tables; with several data sets, a heading names each."""
    if len(comparisons) == 1:
        return markdown_tables(comparisons[0])
    parts = [f"## {escaped(c.dataset)}\n\n{markdown_tables(c)}" for c in comparisons]
    return "\n".join(parts)


def markdown_tables(comparison: DatasetComparison) -> str:
    """Returns the tables of one data set: for all rows, then for each scenario."""
    tables = [markdown_table(comparison)]
    for name, on_scenario in comparison.by_scenario.items():
        tables.append(f"### {escaped(name)}\n\n{markdown_table(on_scenario)}")
    return "\n".join(tables)


def markdown_table(comparison: DatasetComparison) -> str:
    """Returns one Markdown table; the best score of each task is bold."""
    names = headings(comparison, comparison.tasks)
    lines = [names, ["---"] * len(names)]
    for i in range(len(comparison.configurations)):
        row = setting_cells(comparison, i)
        for task in comparison.tasks:
            mean, *others = task_cells(task, task.scores[i])
            is_best = task.scores[i] is task.best
            row += [f"**{mean}**" if is_best else mean, *others]
        lines.append(row)
    return "".join(f"| {' | '.join(map(escaped, cells))} |\n" for cells in lines)


def escaped(cell: str) -> str:
    """Escapes the characters that end a cell, or begin HTML or an address, in Markdown.

    A link or an image may come from the names of somebody else's run. Brackets without
    an address, as in `[64, 32]`, stay as they are.
    """
    text = visible(cell).replace("\\", "\\\\").replace("|", "\\|")
    return text.replace("](", "]\\(").replace("][", "]\\[").replace("<", "&lt;")


def headings(comparison: DatasetComparison, tasks: list[Task]) -> list[str]:
    """Returns the headings of all columns of a table of some tasks."""
    keys = comparison.shown_keys
    names = [*(short_key(key, keys) for key in keys), "seeds"]
    for task in tasks:
        names += [f"{task.name} {task.metric_title}", "difference", "verdict"]
        if task.shows_single_task:
            names.append("to single task")
        if task.shows_single_scenario:
            names.append("to single scenario")
    return names


def setting_cells(comparison: DatasetComparison, i: int) -> list[str]:
    """Returns the first cells of the i-th configuration: its settings and seeds."""
    configuration = comparison.configurations[i]
    settings = comparison.shown_settings(configuration).values()
    return [*(value or "" for value in settings), configuration.seed_count]


def task_cells(task: Task, score: Score) -> list[str]:
    """Returns the cells of one configuration in the columns of one task."""
    difference, verdict = "", "baseline"
    if score.to_baseline is not None:
        difference = interval_text(score.to_baseline.interval, task.decimals, "+")
        verdict = score.to_baseline.verdict
    cells = [interval_text(score.interval, task.decimals), difference, verdict]
    to_twins = [score.to_single_task] if task.shows_single_task else []
    if task.shows_single_scenario:
        to_twins.append(score.to_single_scenario)
    for to_twin in to_twins:
        cell = ""
        if to_twin is not None and to_twin.interval is not None:
            cell = f"{to_twin.interval.mean:+.{task.decimals}f}"
            cell += f" {to_twin.verdict}" if to_twin.real else ""
        cells.append(cell)
    return cells
