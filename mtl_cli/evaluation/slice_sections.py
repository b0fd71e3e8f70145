"""The sections of an evaluation that show its slices."""

from typing import Any, NamedTuple

from mtl_cli.core.errors import cut
from mtl_cli.evaluation.results import EvaluationResults
from mtl_cli.runs.text_tables import Cells, format_count, text_with_interval

TASKS_PER_TABLE = 2  # the largest number of tasks in a table of all slices
MAX_LINES = 40  # the largest number of lines of tables of all slices on a terminal
# A table of the weakest slices has these columns for slices, the weakest slice first.
WEAKEST = ["weakest slice", "second", "third"]
MAX_NAME_LENGTH = 24  # longer names of slices are cut in a table of the weakest slices


class Section(NamedTuple):
    """A part of an evaluation.

    Attributes:
        title: the heading.
        tables: the tables; the first row of each is its header.
        lines: sentences below the tables.
    """

    title: str
    tables: list[Cells]
    lines: list[str]


def slice_sections(evaluation: EvaluationResults, short: bool = False) -> list[Section]:
    """Returns one section per column whose values make slices.

    If `short` is set and the tables of all slices have more than `MAX_LINES` lines, the
    sections name only the weakest slices.
    """
    records: dict[str, list[dict[str, Any]]] = {}  # by column
    for record in evaluation.slice_records:
        records.setdefault(record["column"], []).append(record)
    sections = [all_slices_section(evaluation, c, r) for c, r in records.items()]
    num_lines = sum(len(cells) for section in sections for cells in section.tables)
    if short and num_lines > MAX_LINES:
        return [weakest_slices_section(evaluation, c, r) for c, r in records.items()]
    return sections


def weakest_slices_section(
    evaluation: EvaluationResults, column: str, records: list[dict[str, Any]]
) -> Section:
    """Returns the weakest slices by a column: a table with one row per task.

    A cell such as `Rome: 0.6123 ±0.0213 *` is a slice with its metric; the star means
    that the slice is surely weaker.
    """
    cells = [["task", "metric", "all rows", *WEAKEST]]
    for task, result in evaluation.tasks.items():
        metric = result["main_metric"]
        row = [evaluation.name_with_space(task), metric.replace("_", " ")]
        row.append(text_with_interval(result["metrics"][metric]))
        tested = [r for r in records if r["task"] == task and r["rank"] is not None]
        for record in sorted(tested, key=lambda r: r["rank"])[: len(WEAKEST)]:
            star = " *" if record["surely_weaker"] else ""
            name = cut(record["slice"], MAX_NAME_LENGTH)
            row.append(f"{name}: {text_with_interval(record)}{star}")
        num_empty_cells = len(cells[0]) - len(row)
        cells.append(row + ["-"] * num_empty_cells)
    num_slices = len({record["slice"] for record in records})
    line = (
        f"the {len(WEAKEST)} weakest of {num_slices} slices; --json FILE and --html "
        "FILE write all slices; * marks slices that are surely weaker than the other "
        "rows"
    )
    return Section(f"By {column}", [cells], [line])


def all_slices_section(
    evaluation: EvaluationResults, column: str, records: list[dict[str, Any]]
) -> Section:
    """Returns the scores of all tasks on each slice by a column.

    A table has one row per slice, and four columns for each of at most
    `TASKS_PER_TABLE` tasks.
    """
    tables, tasks = [], list(evaluation.tasks)
    for first in range(0, len(tasks), TASKS_PER_TABLE):
        header = [column]
        # Each slice has a record for each task, so all rows get equally many cells.
        rows: dict[str, list[str]] = {}
        for task in tasks[first : first + TASKS_PER_TABLE]:
            title = evaluation.title_with_metric(task)
            header += [title, "predicted/actual", "rows", "positives"]
            for record in records:
                if record["task"] == task:
                    row = rows.setdefault(record["slice"], [record["slice"]])
                    row += slice_cells(record)
        tables.append([header, *rows.values()])
    return Section(f"By {column}", tables, [])


def slice_cells(record: dict[str, Any]) -> list[str]:
    """Returns the four cells of a task on a slice, see the header in the caller."""
    ratio = "-" if record["ratio"] is None else f"{record['ratio']:.3f}"
    counts = format_count(record["rows"]), format_count(record["positives"])
    return [text_with_interval(record), ratio, *counts]
