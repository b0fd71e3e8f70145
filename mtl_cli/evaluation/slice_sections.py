"""The sections of an evaluation that show its slices."""

from collections.abc import Sequence
from typing import NamedTuple

from mtl_cli.evaluation.results import EvaluationResults
from mtl_cli.runs.text_tables import Cells, format_count, text_with_interval
from mtl_cli.scoring.slice_scores import SliceRecord
from mtl_cli.scoring.slices import MIN_ROWS, OTHER

TASKS_PER_TABLE = 2  # a table of slices has at most this number of tasks
# The largest number of rows of all tables of slices together on a terminal, with their
# headers. If there are more, the terminal shows no table.
MAX_SLICE_ROWS = 40


class Section(NamedTuple):
    """A part of an evaluation."""

    title: str
    tables: list[Cells]
    lines: list[str]  # sentences below the tables


def slice_sections(
    evaluation: EvaluationResults, shorten: bool = False
) -> list[Section]:
    """Returns one section per column whose values make slices.

    With `shorten`, tables of more than `MAX_SLICE_ROWS` rows together are left out.
    """
    records_by_column: dict[str, list[SliceRecord]] = {}
    for record in evaluation.slice_records:
        records_by_column.setdefault(record["column"], []).append(record)
    sections = [
        slice_section(evaluation, column, records)
        for column, records in records_by_column.items()
    ]
    num_rows = sum(len(cells) for section in sections for cells in section.tables)
    if shorten and num_rows > MAX_SLICE_ROWS:
        line = "many slices: --json FILE and --html FILE write their tables"
        return [
            Section(section.title, [], [line, *section.lines]) for section in sections
        ]
    return sections


def slice_section(
    evaluation: EvaluationResults, column: str, records: Sequence[SliceRecord]
) -> Section:
    """Returns the scores of all tasks on each slice by a column.

    A table has one row per slice, and three or four columns for each of at most
    `TASKS_PER_TABLE` tasks: `predicted/actual` is left out if no slice has the ratio.
    """
    tasks = list(evaluation.tasks)
    slice_names = list(dict.fromkeys(record["slice"] for record in records))
    # Each slice has a record for each task.
    record_by_slice_and_task = {(r["slice"], r["task"]): r for r in records}
    tasks_with_ratio = {r["task"] for r in records if r["ratio"] is not None}
    tables = []
    for start in range(0, len(tasks), TASKS_PER_TABLE):
        tasks_of_table = tasks[start : start + TASKS_PER_TABLE]
        header = [column]
        for task in tasks_of_table:
            title = evaluation.title_with_metric(task)
            ratio = ["predicted/actual"] if task in tasks_with_ratio else []
            header += [title, *ratio, "rows", "positives"]
        table = [header]
        for name in slice_names:
            row = [name]
            for task in tasks_of_table:
                record = record_by_slice_and_task[name, task]
                row += slice_cells(record, with_ratio=task in tasks_with_ratio)
            table.append(row)
        tables.append(table)
    return Section(f"By {column}", tables, notes(evaluation, column, slice_names))


def slice_cells(record: SliceRecord, with_ratio: bool) -> list[str]:
    ratio = "-" if record["ratio"] is None else f"{record['ratio']:.3f}"
    return [
        text_with_interval(record),
        *([ratio] if with_ratio else []),
        format_count(record["rows"]),
        format_count(record["positives"]),
    ]


def notes(
    evaluation: EvaluationResults, column: str, slice_names: list[str]
) -> list[str]:
    """Returns the sentences below the tables of the slices by a column."""
    if slice_names == [OTHER]:
        return [f"no value of {column} has {MIN_ROWS} rows; all are in {OTHER}"]
    drift = evaluation.drift_records
    if not any(r["kind"] == "feature" and r["name"] == column for r in drift):
        return []
    return [
        f"{column} is a feature: within a slice, a ranking metric does not count how "
        f"well {column} ranks the rows of different slices, so a low value need not be "
        "a weakness of the model"
    ]
