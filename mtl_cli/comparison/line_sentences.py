"""Writes sentences about the differences of lines over days.

A line is a chain of runs, one per day, see `comparison.lines`.
"""

from mtl_cli.comparison.difference import Difference, Verdict
from mtl_cli.comparison.intervals import interval_text
from mtl_cli.comparison.sentences import RELATIONS, signed_difference
from mtl_cli.comparison.task import Task
from mtl_cli.core.message_text import counted
from mtl_cli.runs.text_tables import p_value_text


def line_sentences(task: Task, baseline: str) -> list[str]:
    """Returns one sentence for each line that has a day in common with the baseline."""
    differences = [score.differences.get("baseline") for score in task.scores]
    return [line_sentence(d, task, baseline) for d in differences if d and d.day_count]


def line_sentence(difference: Difference, task: Task, baseline: str) -> str:
    """Describes the difference of a line to the baseline over their common days."""
    name = difference.configuration.name
    over_days = f"over {counted(difference.day_count, 'day')}"
    size = f"{signed_difference(difference, task)} {over_days}"
    day_p_value = p_value_text(difference.corrected_replicate_p)
    row_p_value = p_value_text(difference.corrected_row_p)
    if difference.verdict in RELATIONS:
        # The verdict says the direction, so the size needs no sign.
        size = interval_text(difference.interval, task.decimals).removeprefix("-")
        other_rows = f", and so would another test set ({row_p_value})"
        return (
            f"{name} is {RELATIONS[difference.verdict]} {baseline} by {size} "
            f"{over_days}: other days would give the same order ({day_p_value})"
            f"{other_rows if difference.row_test else ''}."
        )
    if difference.verdict == Verdict.THESE_ROWS_ONLY:
        return (
            f"{name} shows no real difference to {baseline} ({size}): other days would "
            f"give the same order on these test rows ({day_p_value}), but another test "
            f"set might not ({row_p_value})."
        )
    if difference.verdict == Verdict.NOT_REAL:
        return (
            f"No real difference to {baseline} was found for {name} ({size}, "
            f"{day_p_value})."
        )
    return f"{name} and {baseline} have too few days in common ({size})."
