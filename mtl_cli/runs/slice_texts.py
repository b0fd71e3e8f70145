"""Describes how much weaker a task is on a slice, the rows with one feature value."""

from typing import Any

from mtl_cli.runs.score_table import (
    Cells,
    format_count,
    format_metric,
    p_value_text,
    text_with_interval,
)


def slice_text(record: dict[str, Any], num_slices: int) -> str:
    """Describes a tested slice in one line.

    The line names the slice, its metric with the interval, the metric of all other
    rows, and the corrected p-value of the difference.

    Args:
        record: a tested slice, see `scoring.slice_scores`.
        num_slices: the number of tested slices of the task.
    """
    slices = "1 slice" if num_slices == 1 else f"{num_slices} slices"
    return (
        f"{record['metric'].replace('_', ' ')} {text_with_interval(record)} where "
        f"{record['column']} is {record['slice']}, {format_metric(record['rest'])} on "
        f"the other rows ({p_value_text(record['p_corrected'])}, corrected for "
        f"{slices})"
    )


def slice_table(title: str, records: list[dict[str, Any]]) -> Cells:
    """Returns a header and one row per tested slice of a task.

    Args:
        title: the title of the task.
        records: the tested slices, at least one.
    """
    metric = records[0]["metric"].replace("_", " ")
    cells = [[title, "rows", metric, "on other rows", "surely weaker"]]
    for record in records:
        answer = "yes" if record["surely_weaker"] else "no"
        cells.append(
            [
                f"{record['column']} is {record['slice']}",
                format_count(record["rows"]),
                text_with_interval(record),
                format_metric(record["rest"]),
                f"{answer}, {p_value_text(record['p_corrected'])}",
            ]
        )
    return cells
