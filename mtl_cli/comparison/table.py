"""The table of a comparison, for the terminal and as Markdown."""

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from mtl_cli.comparison.configurations import short_key
from mtl_cli.comparison.difference import Verdict
from mtl_cli.comparison.formats import interval_text
from mtl_cli.comparison.results import DatasetComparison, Score, Task

SHORT_VERDICTS: dict[str, str] = {
    Verdict.NOT_REAL: "not real",
    Verdict.THESE_ROWS_ONLY: "rows only",
    Verdict.TOO_FEW_SEEDS: "few seeds",
    Verdict.NOT_COMPARABLE: "other rows",
}
STYLES: dict[str, str] = {Verdict.BETTER: "green", Verdict.WORSE: "red"}
MIN_SETTING_WIDTH = 16  # a longer setting may be broken into several lines


def print_tables(comparison: DatasetComparison, console: Console) -> None:
    """Prints one table if it fits the terminal, or else one table per task.

    A table that is still too wide is printed whole, so that no number is cut.
    """

    def width(table: Table) -> Measurement:
        return Measurement.get(console, console.options.update(max_width=10_000), table)

    console_width = console.width
    tables = [rich_table(comparison, comparison.tasks)]
    if width(tables[0]).maximum > console_width:
        tables = [rich_table(comparison, [task]) for task in comparison.tasks]
    for table in tables:
        console.width = max(console_width, width(table).minimum)
        console.print(table)
    console.width = console_width


def rich_table(comparison: DatasetComparison, tasks: list[Task]) -> Table:
    """Returns a table of some tasks; the best score of each task is bold."""
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
        heading = "" if is_verdict else name  # a verdict needs no heading
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
    """Returns a Markdown table; several data sets each have one below their name."""
    if len(comparisons) == 1:
        return markdown_tables(comparisons[0])
    parts = [f"## {escaped(c.dataset)}\n\n{markdown_tables(c)}" for c in comparisons]
    return "\n".join(parts)


def markdown_tables(comparison: DatasetComparison) -> str:
    """Returns the tables of one data set: of all rows, then of each scenario."""
    parts = [markdown_table(comparison)]
    for name, part in comparison.by_scenario.items():
        parts.append(f"### {escaped(name)}\n\n{markdown_table(part)}")
    return "\n".join(parts)


def markdown_table(comparison: DatasetComparison) -> str:
    """Returns the Markdown table of one data set."""
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
    """Returns a text without characters that Markdown would read as markup."""
    return cell.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")


def headings(comparison: DatasetComparison, tasks: list[Task]) -> list[str]:
    """Returns the headings of a table of some tasks."""
    keys = comparison.shown_keys
    names = [*(short_key(key, keys) for key in keys), "seeds"]
    for task in tasks:
        names += [f"{task.name} {task.metric_title}", "difference", "verdict"]
        names += ["to single task"] * task.shows_single_task
        names += ["to single scenario"] * task.shows_single_scenario
    return names


def setting_cells(comparison: DatasetComparison, i: int) -> list[str]:
    """Returns the cells of the i-th configuration that stand before the tasks."""
    configuration = comparison.configurations[i]
    settings = comparison.shown_settings(configuration).values()
    return [*(value or "" for value in settings), configuration.seed_count]


def task_cells(task: Task, score: Score) -> list[str]:
    """Returns the cells of a task's columns for one configuration."""
    difference, verdict = "", "baseline"
    if score.to_baseline is not None:
        difference = interval_text(score.to_baseline.interval, task.decimals, "+")
        verdict = score.to_baseline.verdict
    cells = [interval_text(score.interval, task.decimals), difference, verdict]
    twins = [score.to_single_task] * task.shows_single_task
    twins += [score.to_single_scenario] * task.shows_single_scenario
    for twin in twins:
        cell = ""
        if twin is not None and twin.interval is not None:
            cell = f"{twin.interval.mean:+.{task.decimals}f}"
            cell += f" {twin.verdict}" if twin.real else ""
        cells.append(cell)
    return cells
