"""The spaces of tasks: the rows whose labels count for a task.

For example, the label of a conversion counts only in rows with a click.
"""

from dataclasses import replace

import numpy as np

from mtl_cli.core.errors import DataError
from mtl_cli.core.message_text import unknown_name_message
from mtl_cli.init.column_profile import Array, ColumnProfile
from mtl_cli.init.column_proposal import join_remarks
from mtl_cli.init.task_proposal import TaskProposal, describe_amounts
from mtl_cli.init.task_rules import propose_task

# With fewer labels above 0, chance may decide whether a task needs a space.
MIN_POSITIVES = 20
# At most this share of the labels above 0 may lie outside of the space, as errors in
# the data, and also of those that would lie there by chance.
MAX_OUTSIDE_SHARE = 0.05


def notes_on_spaces(
    tasks: dict[str, TaskProposal], spaces: dict[str, str]
) -> list[str]:
    """Names the spaces that tasks without a space seem to need, in a note each."""
    return [
        f"{task} is above 0 only where {space} is 1 (with few exceptions or none); to "
        f"use only these rows for {task}, add --space {task}:{space}"
        for space in tasks
        for task in tasks
        if task not in spaces and task != space
        if seems_to_need(tasks[task], tasks[space])
    ]


def seems_to_need(task: TaskProposal, space: TaskProposal) -> bool:
    """Whether a task, such as `buy`, seems to need another task, `click`, as its space.

    Nearly all labels above 0 must lie in the rows where the space is 1, and not by
    chance. A conversion such as `buy` is 1 in at most half of these rows, and an amount
    such as `price` is above 0 in more than half.
    """
    is_amount = not task.task_class.HAS_CLASSES
    may_need_space = is_amount or task.task_class.BINARY_LABELS
    if not (may_need_space and space.task_class.BINARY_LABELS):
        return False
    is_labelled = ~np.isnan(task.y)
    inside = task.y[is_labelled & (space.y == 1)] > 0
    outside = task.y[is_labelled & (space.y == 0)] > 0
    if inside.sum() < MIN_POSITIVES or (inside.mean() > 0.5) != is_amount:
        return False
    # The number of labels above 0 outside of the space, if the space did not matter.
    expected_outside = inside.mean() * len(outside)
    max_outside = MAX_OUTSIDE_SHARE * min(inside.sum(), expected_outside)
    return bool(expected_outside >= MIN_POSITIVES and outside.sum() <= max_outside)


def limit_to_space(
    task: str,
    space: str,
    tasks: dict[str, TaskProposal],
    columns: dict[str, ColumnProfile],
) -> TaskProposal:
    """Returns a task's proposal without the labels in rows where the space is not 1.

    `space` is the name of another task, or of a column of 0 and 1.
    """
    argument = f"--space {task}:{space}"
    inside = space_labels(argument, space, tasks, columns) == 1
    proposal = tasks[task]
    y = np.where(inside, proposal.y, np.nan)
    labels = y[~np.isnan(y)]
    if len(np.unique(labels)) < 2:
        raise DataError(
            f"{argument}: where {space} is 1, {task} has one value or none; name "
            "another space, or leave out the argument"
        )
    label_count = f"{len(labels):,} labels where {space} is 1"
    remarks, reason = dict(proposal.remarks), proposal.reason
    if not proposal.task_class.HAS_CLASSES:
        remarks["kind"], reason = describe_amounts(labels, label_count)
    elif proposal.task_class.BINARY_LABELS and "kind" in remarks:
        remarks["kind"] = reason = f"{labels.mean():.1%} of {label_count} are 1"
    num_outside = int(((proposal.y == 1) & ~inside).sum())
    if proposal.task_class.BINARY_LABELS and num_outside:
        remarks["space"] = (
            f"WARNING: {task} is 1 in {num_outside:,} rows where {space} is not 1, and "
            f"these rows do not count for {task}; if they should count, leave out "
            f"{argument}"
        )
        reason = join_remarks(remarks["space"], reason)
    keys = {**proposal.keys, "space": space}
    return replace(proposal, keys=keys, remarks=remarks, reason=reason, y=y)


def space_labels(
    argument: str,
    space: str,
    tasks: dict[str, TaskProposal],
    columns: dict[str, ColumnProfile],
) -> Array:
    """Returns the labels of a space; see `limit_to_space` for the arguments."""
    if space in tasks and tasks[space].task_class.BINARY_LABELS:
        return tasks[space].y
    if space not in tasks:
        column = find_column(argument, space, columns)
        if column.is_binary:
            return propose_task(space, argument, column).y
    raise DataError(f"{argument}: {space} does not hold 0 and 1, as a space must")


def find_column(
    argument: str, name: str, columns: dict[str, ColumnProfile]
) -> ColumnProfile:
    """Returns the profile of the column that an argument of the command line names."""
    if name not in columns:
        message = unknown_name_message("column", name, "the table", list(columns))
        raise DataError(f"{argument}: {message}")
    return columns[name]
