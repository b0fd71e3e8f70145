"""The spaces of tasks: the rows whose labels count for a task.

For example, the label of a conversion counts only in rows with a click.
"""

from dataclasses import replace

import numpy as np

from mtl_cli.core.errors import DataError, unknown_name
from mtl_cli.init.column_profile import ColumnProfile
from mtl_cli.init.column_proposal import join_remarks
from mtl_cli.init.task_proposal import TaskProposal, describe_amounts
from mtl_cli.init.task_rules import propose_task

MIN_POSITIVES = 20  # fewer positives might lie in a space by chance
MAX_OUTSIDE_SHARE = 0.05  # of the positives, as errors


def notes_on_spaces(
    tasks: dict[str, TaskProposal], spaces: dict[str, str]
) -> list[str]:
    """Returns a note for each task without a space and each space that it may need."""
    notes = [
        note_on_space(tasks, task, space)
        for space in tasks
        for task in tasks
        if task not in spaces and task != space
    ]
    return [note for note in notes if note]


def note_on_space(tasks: dict[str, TaskProposal], task: str, space: str) -> str:
    """Returns a note if nearly all labels above 0 lie in the space of another task.

    The space is the rows where the other task, such as `click`, is 1. A conversion such
    as `buy` is 1 in at most half of these rows, and an amount such as `price` is above
    0 in more than half of these rows. The note is "" if the task seems to need no
    space.
    """
    y, y_of_space = tasks[task].y, tasks[space].y
    is_amount = not tasks[task].task_class.HAS_CLASSES
    may_need_space = is_amount or tasks[task].task_class.BINARY_LABELS
    if not (may_need_space and tasks[space].task_class.BINARY_LABELS):
        return ""
    num_positive = int((y > 0).sum())
    num_in_space = int((y_of_space == 1).sum())
    num_outside = int(((y_of_space == 0) & (np.nan_to_num(y) != 0)).sum())
    fills_space = 2 * num_positive > num_in_space
    if num_positive < MIN_POSITIVES or fills_space != is_amount:
        return ""
    if num_outside > MAX_OUTSIDE_SHARE * num_positive:
        return ""
    exception = f", but for {num_outside:,} rows" if num_outside else ""
    value = "above 0" if is_amount else "1"
    return (
        f"{task} is {value} only where {space} is 1{exception}; --space {task}:{space} "
        f"counts {task} only there"
    )


def limit_to_space(
    task: str,
    space: str,
    tasks: dict[str, TaskProposal],
    columns: dict[str, ColumnProfile],
) -> TaskProposal:
    """Returns a task's proposal without the labels of rows outside the task's space.

    The space is a task, or a column of 0 and 1: the rows where it is 1.
    """
    argument = f"--space {task}:{space}"
    space_proposal = propose_space(argument, space, tasks, columns)
    proposal = tasks[task]
    y = np.where(space_proposal.y == 1, proposal.y, np.nan)
    labels = y[~np.isnan(y)]
    if len(np.unique(labels)) < 2:
        raise DataError(f"{argument}: where {space} is 1, {task} has one value or none")
    remarks, reason = proposal.remarks, proposal.reason
    label_count = f"{len(labels):,} labels where {space} is 1"
    if not proposal.task_class.HAS_CLASSES:
        remarks, reason = describe_amounts(labels, label_count)
    elif proposal.task_class.BINARY_LABELS and "kind" in remarks:
        reason = f"{labels.mean():.1%} of {label_count} are 1"
        remarks = {**remarks, "kind": reason}
    num_outside = int(((proposal.y == 1) & (space_proposal.y != 1)).sum())
    if proposal.task_class.BINARY_LABELS and num_outside:
        warning = (
            f"WARNING: {num_outside:,} rows have {task} 1 where {space} is not 1, and "
            f"do not count; if they should, leave out {argument}"
        )
        remarks = {**remarks, "space": warning}
        reason = join_remarks(warning, reason)
    keys = {**proposal.keys, "space": space}
    return replace(proposal, keys=keys, remarks=remarks, reason=reason, y=y)


def propose_space(
    argument: str,
    space: str,
    tasks: dict[str, TaskProposal],
    columns: dict[str, ColumnProfile],
) -> TaskProposal:
    """Returns the proposal for a space; see `limit_to_space` for the arguments."""
    if space in tasks:
        if not tasks[space].task_class.BINARY_LABELS:
            raise DataError(
                f"{argument}: task {space} is not binary; a space is 0 or 1"
            )
        return tasks[space]
    column = find_column(argument, space, columns)
    if not column.is_binary:
        content = "is empty"
        if column.num_filled:
            examples = ", ".join(column.most_frequent(3))
            content = f"holds {column.num_distinct:,} values such as {examples}"
        raise DataError(
            f"{argument}: column '{space}' {content}; a space holds 0 and 1"
        )
    return propose_task(space, argument, column)


def find_column(
    argument: str, name: str, columns: dict[str, ColumnProfile]
) -> ColumnProfile:
    """Returns the profile of the column that an argument of the command line names."""
    if name not in columns:
        message = unknown_name("column", name, "the table", list(columns))
        raise DataError(f"{argument}: {message}")
    return columns[name]
