"""The tables of slices of an evaluation."""

from collections.abc import Iterator
from typing import Any

from mtl_cli.core.errors import cut
from mtl_cli.evaluation.evaluation import Evaluation
from mtl_cli.evaluation.section import Section
from mtl_cli.runs.score_table import Cells, format_count, text_with_interval

TASKS_PER_TABLE = 2  # number of tasks in a table of all slices
MAX_LINES = 40  # number of lines of the tables of all slices on a terminal
NUM_WEAKEST = 3  # number of slices of each task in a table of the weakest slices
MAX_NAME = 24  # number of characters of a slice's name in such a table


def slice_sections(evaluation: Evaluation, short: bool = False) -> list[Section]:
    """Returns one section per column.

    Args:
        evaluation: the evaluation.
        short: whether only the weakest slices are named, if the tables of all slices
            have more than `MAX_LINES` lines.
    """
    sections = list(sections_of_all_slices(evaluation))
    num_lines = sum(len(cells) for section in sections for cells in section.tables)
    if short and num_lines > MAX_LINES:
        return [
            weakest_slices_section(evaluation, column, records)
            for column, records in records_by_column(evaluation).items()
        ]
    return sections


def records_by_column(evaluation: Evaluation) -> dict[str, list[dict[str, Any]]]:
    """Returns {column: the records of its slices}."""
    records: dict[str, list[dict[str, Any]]] = {}
    for record in evaluation.slice_records:
        records.setdefault(record["column"], []).append(record)
    return records


def weakest_slices_section(
    evaluation: Evaluation, column: str, records: list[dict[str, Any]]
) -> Section:
    """Returns the weakest slices by a column: a table with one row per task."""
    tested = [record for record in records if record["rank"] is not None]
    cells = [["task", "metric", "all rows", "weakest slice", "second", "third"]]
    for task, result in evaluation.tasks.items():
        metric = result["main_metric"]
        weakest = [record for record in tested if record["task"] == task]
        weakest = sorted(weakest, key=lambda record: record["rank"])[:NUM_WEAKEST]
        texts = [weak_slice_text(record) for record in weakest]
        cells.append(
            [
                evaluation.name_with_space(task),
                metric.replace("_", " "),
                text_with_interval(result["metrics"][metric]),
                *texts,
                *["-"] * (NUM_WEAKEST - len(texts)),
            ]
        )
    num_slices = len({record["slice"] for record in records})
    line = (
        f"the {NUM_WEAKEST} weakest of {num_slices} slices; --json FILE and --html "
        "FILE write all. * is surely weaker than the other rows"
    )
    return Section(f"By {column}", [cells], [line])


def weak_slice_text(record: dict[str, Any]) -> str:
    """Returns `Rome: 0.6123 ±0.0213 *`; the star means that Rome is surely weaker."""
    star = " *" if record["surely_weaker"] else ""
    return f"{cut(record['slice'], MAX_NAME)}: {text_with_interval(record)}{star}"


def sections_of_all_slices(evaluation: Evaluation) -> Iterator[Section]:
    """Yields one section per column: the scores of each task on each slice."""
    tasks = list(evaluation.tasks)
    for column, records in records_by_column(evaluation).items():
        pairs = [
            tasks[i : i + TASKS_PER_TABLE]
            for i in range(0, len(tasks), TASKS_PER_TABLE)
        ]
        tables = [
            slice_table(evaluation, column, [r for r in records if r["task"] in pair])
            for pair in pairs
        ]
        yield Section(f"By {column}", tables)


def slice_table(
    evaluation: Evaluation, column: str, records: list[dict[str, Any]]
) -> Cells:
    """Returns a table with one row per slice, and four columns per task.

    Args:
        evaluation: the evaluation.
        column: the column whose values make the slices.
        records: the records of these slices, of one or several tasks.
    """
    header, rows = [column], dict[str, list[str]]()
    for record in records:
        title = evaluation.title_with_metric(record["task"])
        if title not in header:
            header += [title, "predicted/actual", "rows", "positives"]
        ratio = "-" if record["ratio"] is None else f"{record['ratio']:.3f}"
        rows.setdefault(record["slice"], [record["slice"]]).extend(
            [
                text_with_interval(record),
                ratio,
                format_count(record["rows"]),
                format_count(record["positives"]),
            ]
        )
    return [header, *rows.values()]
