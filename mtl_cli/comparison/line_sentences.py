"""Writes sentences about the differences of lines over days.

A line is a chain of runs, one per day, see `comparison.lines`.
"""

from mtl_cli.comparison.difference import Difference, Verdict
from mtl_cli.comparison.sentences import (
    RELATIONS,
    rows_only_sentence,
    same_order_sentence,
    signed_difference,
    size_and_p_value,
)
from mtl_cli.comparison.task import Task


def line_sentences(task: Task, baseline: str) -> list[str]:
    """Returns one sentence for each line that has a day in common with the baseline."""
    differences = [score.differences.get("baseline") for score in task.scores]
    return [line_sentence(d, task, baseline) for d in differences if d and d.day_count]


def line_sentence(difference: Difference, task: Task, baseline: str) -> str:
    """Describes the difference of a line to the baseline over their common days."""
    name = difference.configuration.name
    if difference.verdict in RELATIONS:
        return same_order_sentence(difference, task)
    if difference.verdict == Verdict.THESE_ROWS_ONLY:
        return rows_only_sentence(difference, task)
    if difference.verdict == Verdict.NOT_REAL:
        size = size_and_p_value(difference, task)
        return f"No real difference to {baseline} was found for {name} {size}."
    size = signed_difference(difference, task)
    return f"{name} and {baseline} have too few days in common ({size})."
