"""The sections of an evaluation that show its slices.

A slice is tested against all other rows if it has enough rows and is not `(other)`. For
each task, the tested slices have ranks; rank 1 is the weakest slice. Slices that are
not tested have the rank None.
"""

from collections.abc import Sequence
from operator import itemgetter
from typing import NamedTuple

from mtl_cli.core.message_text import cut
from mtl_cli.evaluation.results import EvaluationResults
from mtl_cli.runs.text_tables import Cells, format_count, text_with_interval
from mtl_cli.scoring.slice_records import SliceRecord
from mtl_cli.scoring.slices import MIN_ROWS, OTHER

TASKS_PER_TABLE = 2  # a table of all slices has at most this number of tasks
# The largest number of rows of all tables of slices together on a terminal, with their
# headers. If there are more, the terminal shows only the weakest slices.
MAX_SLICE_ROWS = 40
# The headings of the slices in a table of the weakest slices, the weakest slice first.
WEAKEST_HEADINGS = ["weakest slice", "second", "third"]
MAX_WEAKEST = len(WEAKEST_HEADINGS)  # the largest number of slices shown per task
# Longer names of slices are cut in a table of the weakest slices. The name of a range
# of times, such as `2026-01-01 08:30:00+01:00 to 2026-02-01 09:15:00+01:00`, is not
# cut.
MAX_NAME_LENGTH = 54


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


def slice_sections(
    evaluation: EvaluationResults, shorten: bool = False
) -> list[Section]:
    """Returns one section per column whose values make slices.

    With `shorten`, if the tables of all slices have more than `MAX_SLICE_ROWS` rows
    together, the sections name only the weakest slices.
    """
    records_by_column: dict[str, list[SliceRecord]] = {}
    for record in evaluation.slice_records:
        records_by_column.setdefault(record["column"], []).append(record)
    sections = [
        all_slices_section(evaluation, column, records)
        for column, records in records_by_column.items()
    ]
    num_rows = sum(len(cells) for section in sections for cells in section.tables)
    if shorten and num_rows > MAX_SLICE_ROWS:
        return [
            weakest_slices_section(evaluation, column, records)
            for column, records in records_by_column.items()
        ]
    return sections


def weakest_slices_section(
    evaluation: EvaluationResults, column: str, records: Sequence[SliceRecord]
) -> Section:
    """Returns the weakest slices by a column: a table with one row per task.

    A cell such as `Rome: 0.6123 ±0.0213 *` is a slice with its metric; the star means
    that the slice is surely weaker.
    """
    if has_only_rare_values(records):
        return Section(f"By {column}", [], notes(evaluation, column, records))
    tested = [record for record in records if record["rank"] is not None]
    cells = [["task", "metric", "all rows", *WEAKEST_HEADINGS]]
    cells += [weakest_slices_row(evaluation, task, tested) for task in evaluation.tasks]
    num_tested = len({record["slice"] for record in tested})
    if num_tested > MAX_WEAKEST:
        shown = f"the {MAX_WEAKEST} weakest of {num_tested} tested slices"
    else:
        shown = "all tested slices"
    line = (
        f"{shown}, by how far each is behind the other rows; --json FILE and --html "
        "FILE write all slices; * marks slices that are surely weaker than the other "
        "rows"
    )
    lines = [line, *notes(evaluation, column, records)]
    return Section(f"By {column}", [cells], lines)


def weakest_slices_row(
    evaluation: EvaluationResults, task: str, tested: Sequence[SliceRecord]
) -> list[str]:
    """Returns a task's row in the table of the weakest slices.

    `tested` are the records of all tested slices by a column, for all tasks.
    """
    result = evaluation.tasks[task]
    metric = result["main_metric"]
    unknown = {"value": None, "low": None, "high": None}
    on_all_rows = text_with_interval(result["metrics"].get(metric, unknown))
    row = [evaluation.name_with_space(task), metric.replace("_", " "), on_all_rows]
    tested_for_task = [record for record in tested if record["task"] == task]
    weakest_first = sorted(tested_for_task, key=itemgetter("rank"))
    for record in weakest_first[:MAX_WEAKEST]:
        star = " *" if record["surely_weaker"] else ""
        name = cut(record["slice"], MAX_NAME_LENGTH)
        row.append(f"{name}: {text_with_interval(record)}{star}")
    num_empty_cells = max(0, MAX_WEAKEST - len(weakest_first))
    return row + ["-"] * num_empty_cells


def all_slices_section(
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
    return Section(f"By {column}", tables, notes(evaluation, column, records))


def has_only_rare_values(records: Sequence[SliceRecord]) -> bool:
    """Whether all rows of a column are in the slice of rare values."""
    return all(record["slice"] == OTHER for record in records)


def notes(
    evaluation: EvaluationResults, column: str, records: Sequence[SliceRecord]
) -> list[str]:
    """Returns the sentences below the tables of the slices by a column."""
    if has_only_rare_values(records):
        return [f"no value of {column} has {MIN_ROWS} rows; all are in {OTHER}"]
    return feature_notes(evaluation, column)


def feature_notes(evaluation: EvaluationResults, column: str) -> list[str]:
    """Returns a note on slices by a feature, or none if no feature has this name."""
    drift = evaluation.drift_records
    if not any(r["kind"] == "feature" and r["name"] == column for r in drift):
        return []
    return [
        f"{column} is a feature: within a slice, a ranking metric does not count how "
        f"well {column} ranks the rows of different slices, so a low value need not be "
        "a weakness of the model"
    ]


def slice_cells(record: SliceRecord, with_ratio: bool) -> list[str]:
    """Returns a task's metric, rows and positives on a slice.

    With `with_ratio`, the ratio predicted/actual stands behind the metric.
    """
    ratio = "-" if record["ratio"] is None else f"{record['ratio']:.3f}"
    return [
        text_with_interval(record),
        *([ratio] if with_ratio else []),
        format_count(record["rows"]),
        format_count(record["positives"]),
    ]
