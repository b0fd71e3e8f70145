"""The spaces of tasks: the rows whose labels count for a task.

For example, the label of a conversion counts only in rows with a click.
"""

from dataclasses import replace

import numpy as np

from mtl_cli.core.errors import DataError, suggest
from mtl_cli.init.column_profile import ColumnProfile
from mtl_cli.init.column_proposal import join_remarks
from mtl_cli.init.task_proposal import TaskProposal
from mtl_cli.init.task_rules import propose_task

MIN_POSITIVES = 20  # fewer positives might lie in a space by chance
MAX_OUTSIDE_SHARE = 0.05  # of the positives, as errors


def notes_on_spaces(
    tasks: dict[str, TaskProposal], spaces: dict[str, str]
) -> list[str]:
    """Returns a note for each task and each space that the task may need.

    Args:
        tasks: {task: proposal}.
        spaces: {task: space} of the tasks that have a space.
    """
    notes = [
        note_on_space(task, tasks[task], space, tasks[space])
        for space in tasks
        for task in tasks
        if task not in spaces and task != space
    ]
    return [text for text in notes if text]


def note_on_space(
    task: str, proposal: TaskProposal, space: str, space_proposal: TaskProposal
) -> str:
    """Returns a note if nearly all labels above 0 lie in the space of another task.

    The space is the rows where the other task is 1. A conversion such as `buy` is 1 in
    at most half of these rows, and an amount such as `price` is above 0 in more than
    half of these rows.

    Args:
        task: the task that may need a space, such as `buy` or `price`.
        proposal: the proposal for the task.
        space: the other task, such as `click`.
        space_proposal: the proposal for the other task.

    Returns: the note; "" if the task seems to need no space.
    """
    is_amount = not proposal.task_class.HAS_CLASSES
    if not (proposal.task_class.BINARY_LABELS or is_amount):
        return ""
    if not space_proposal.task_class.BINARY_LABELS:
        return ""
    num_positive = int((proposal.y > 0).sum())
    num_in_space = int((space_proposal.y == 1).sum())
    is_outside = (space_proposal.y == 0) & (np.nan_to_num(proposal.y) != 0)
    num_outside = int(is_outside.sum())
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

    Args:
        task: the task to limit.
        space: a task, or a column of 0 and 1. The space is the rows where it is 1.
        tasks: {task: proposal}.
        columns: {column: profile}.
    """
    argument = f"--space {task}:{space}"
    space_proposal = propose_space(argument, space, tasks, columns)
    proposal = tasks[task]
    y = np.where(space_proposal.y == 1, proposal.y, np.nan)
    if len(np.unique(y[~np.isnan(y)])) < 2:
        raise DataError(f"{argument}: where {space} is 1, {task} has one value or none")
    remarks, reason = proposal.remarks, proposal.reason
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
    """Returns the proposal for a space: a binary task or a column of 0 and 1.

    See `limit_to_space` for the arguments.
    """
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
    """Returns the profile of a column, or raises an error that suggests a column.

    Args:
        argument: the argument of the command line that names the column.
        name: the name of the column.
        columns: {column: profile}.
    """
    if name not in columns:
        raise DataError(
            f"{argument}: no column '{name}' in the table, which has "
            f"{', '.join(columns)}{suggest(name, list(columns))}"
        )
    return columns[name]
