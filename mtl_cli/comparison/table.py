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


def setting_headings(comparison: DatasetComparison) -> list[str]:
    """Returns the headings of the columns that stand before the tasks."""
    keys = comparison.shown_keys
    return [*(short_key(key, keys) for key in keys), "seeds"]


def setting_cells(comparison: DatasetComparison, i: int) -> list[str]:
    """Returns the cells of the i-th configuration that stand before the tasks."""
    configuration = comparison.configurations[i]
    settings = comparison.shown_settings(configuration).values()
    return [*(value or "" for value in settings), configuration.seed_count]


def task_headings(task: Task) -> list[str]:
    """Returns the headings of a task's columns."""
    headings = [f"{task.name} {task.metric_title}", "difference", "verdict"]
    return headings + ["to single task"] * task.shows_single_task


def task_cells(task: Task, score: Score) -> list[str]:
    """Returns the cells of a score."""
    difference, verdict = "", "baseline"
    if score.to_baseline is not None:
        difference = interval_text(score.to_baseline.interval, task.decimals, "+")
        verdict = score.to_baseline.verdict
    cells = [interval_text(score.interval, task.decimals), difference, verdict]
    if task.shows_single_task:
        to_single_task = score.to_single_task
        cell = ""
        if to_single_task is not None and to_single_task.interval is not None:
            cell = f"{to_single_task.interval.mean:+.{task.decimals}f}"
            cell += f" {to_single_task.verdict}" if to_single_task.real else ""
        cells.append(cell)
    return cells


def print_tables(comparison: DatasetComparison, console: Console) -> None:
    """Prints one table if it fits, or else one table per task; cuts no number."""

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
    """Returns a table of some tasks; the best score of each is bold."""
    settings, num_settings = setting_headings(comparison), len(comparison.shown_keys)
    rows = []
    for i in range(len(comparison.configurations)):
        row = [Text(cell) for cell in setting_cells(comparison, i)]
        for task in tasks:
            mean, difference, verdict, *to_single_task = task_cells(
                task, task.scores[i]
            )
            best = task.scores[i] is task.best
            row += [
                Text(mean, style="bold" if best else ""),
                Text(difference),
                Text(SHORT_VERDICTS.get(verdict, verdict), STYLES.get(verdict, "")),
                *map(Text, to_single_task),
            ]
        rows.append(row)
    headings = settings + [
        "" if heading == "verdict" else heading
        for task in tasks
        for heading in task_headings(task)
    ]
    table = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for i, heading in enumerate(headings):
        width = max(len(heading), *(row[i].cell_len for row in rows))
        is_setting = i < num_settings
        table.add_column(
            heading,
            justify="left" if is_setting or not heading else "right",
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
        return markdown_table(comparisons[0])
    parts = [f"## {escaped(c.dataset)}\n\n{markdown_table(c)}" for c in comparisons]
    return "\n".join(parts)


def markdown_table(comparison: DatasetComparison) -> str:
    """Returns the Markdown table of one data set."""
    headings = setting_headings(comparison)
    headings += [h for task in comparison.tasks for h in task_headings(task)]
    lines = [headings, ["---"] * len(headings)]
    for i in range(len(comparison.configurations)):
        row = setting_cells(comparison, i)
        for task in comparison.tasks:
            mean, *others = task_cells(task, task.scores[i])
            best = task.scores[i] is task.best
            row += [f"**{mean}**" if best else mean, *others]
        lines.append(row)
    return "".join(f"| {' | '.join(map(escaped, cells))} |\n" for cells in lines)


def escaped(cell: str) -> str:
    """Returns a text that cannot end its cell of a Markdown table."""
    return cell.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")
