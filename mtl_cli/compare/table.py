"""The table: for the terminal and as Markdown."""

from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from mtl_cli.compare.comparison import Cell, Comparison, Task
from mtl_cli.compare.configurations import Configuration, short
from mtl_cli.compare.numbers import decimals, interval
from mtl_cli.compare.pairwise import FEW, OTHER, ROWS, SAME, Versus

SHORT = {SAME: "not real", ROWS: "rows only", FEW: "few seeds", OTHER: "other rows"}
STYLES = {"better": "green", "worse": "red"}


def shown_keys(result: Comparison) -> list[str]:
    """Returns the columns of settings: those that differ, else the model."""
    return result.keys or ["model.name"]


def title(task: Task) -> str:
    """Returns a task's head: its name, metric and direction."""
    words = {1: "higher is better", -1: "lower is better", 0: "no direction"}
    return f"{task.name}: {task.metric.replace('_', ' ')}, {words[task.direction]}"


def has_twins(task: Task) -> bool:
    """Returns whether a column on single-task twins says something new."""
    return any(
        cell.twin
        and (cell.against is None or cell.twin.other is not cell.against.other)
        for cell in task.cells
    )


def task_heads(task: Task) -> list[str]:
    """Returns the heads of a task's columns."""
    return [
        f"{task.name} {task.metric.replace('_', ' ')}",
        "difference",
        "",
        *(["to single task"] if has_twins(task) else []),
    ]


def task_cells(task: Task, cell: Cell) -> list[str]:
    """Returns a configuration's cells on a task."""
    places = decimals(task)
    against = cell.against
    cells = [interval(cell.mean, places)]
    if against is None:
        cells += ["", "baseline"]
    else:
        cells += [interval(against.difference, places, "+"), against.verdict]
    if has_twins(task):
        cells.append(gain(cell.twin, places))
    return cells


def gain(twin: Versus | None, places: int) -> str:
    """Returns the difference to the twin, and whether it is real."""
    if twin is None or twin.difference is None:
        return ""
    word = f" {twin.verdict}" if twin.real else ""
    return f"{twin.difference.mean:+.{places}f}{word}"


def seeds(one: Configuration) -> str:
    """Returns how many seeds are done, and of how many if some are not."""
    return f"{len(one.runs)}" + (
        f"/{len(one.runs) + len(one.lost)}" if one.lost else ""
    )


def print_tables(result: Comparison, console: Console) -> None:
    """Prints one table if it fits, else one a task; no number is ever cut."""

    def width(table: Table) -> Measurement:
        return Measurement.get(console, console.options.update(max_width=10_000), table)

    usual = console.width
    tables = [rich_table(result, result.tasks)]
    if width(tables[0]).maximum > usual:
        tables = [rich_table(result, [task]) for task in result.tasks]
    for table in tables:
        console.width = max(usual, width(table).minimum)
        console.print(table)
    console.width = usual


def rich_table(result: Comparison, tasks: list[Task]) -> Table:
    """Returns a table of some tasks; the best is bold."""
    keys = shown_keys(result)
    rows = []
    for i, one in enumerate(result.configurations):
        row = [Text(one.settings.get(key, "")) for key in keys] + [Text(seeds(one))]
        for task in tasks:
            cell = task.cells[i]
            mean, difference, verdict, *more = task_cells(task, cell)
            row.append(Text(mean, style="bold" if cell is task.best else ""))
            row.append(Text(difference))
            word = SHORT.get(verdict, verdict)
            row.append(Text(word, style=STYLES.get(verdict, "")))
            row += [Text(text) for text in more]
        rows.append(row)
    heads = [short(key, keys) for key in keys] + ["seeds"]
    heads += [head for task in tasks for head in task_heads(task)]
    table = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for i, head in enumerate(heads):
        width = max(len(head), *(row[i].cell_len for row in rows))
        setting = i < len(keys)  # which may be long, and is broken where it must be
        side: Any = "left" if setting or not head else "right"
        table.add_column(
            head,
            justify=side,
            overflow="fold",
            no_wrap=not setting,
            min_width=min(width, 16) if setting else width,
        )
    for row in rows:
        table.add_row(*row)
    return table


def markdown(results: list[Comparison]) -> str:
    """Returns a Markdown table, of several data sets one each below its name."""
    if len(results) == 1:
        return markdown_table(results[0])
    parts = [f"## {plain(one.dataset)}\n\n{markdown_table(one)}" for one in results]
    return "\n".join(parts)


def markdown_table(result: Comparison) -> str:
    """Returns a Markdown table."""
    keys = shown_keys(result)
    heads = [short(key, keys) for key in keys] + ["seeds"]
    rows = []
    for task in result.tasks:
        heads += [head or "verdict" for head in task_heads(task)]
    for i, one in enumerate(result.configurations):
        row = [one.settings.get(key, "") for key in keys] + [seeds(one)]
        for task in result.tasks:
            cells = task_cells(task, task.cells[i])
            if task.cells[i] is task.best:
                cells[0] = f"**{cells[0]}**"
            row += cells
        rows.append(row)
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(map(plain, cells))} |\n" for cells in lines)


def plain(cell: str) -> str:
    """Returns a text that keeps its cell of a Markdown table."""
    return cell.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")
