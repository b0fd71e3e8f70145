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

# The limits of `seems_to_need`. With fewer labels above 0, chance may decide.
MIN_POSITIVES = 20
# At most this share of the labels above 0 lies outside of the space. These labels are
# taken for errors in the data.
MAX_OUTSIDE_SHARE = 0.05
# The share of labels above 0 outside of the space, divided by the share inside.
MAX_RATIO_OF_RATES = 0.25


def notes_on_spaces(
    tasks: dict[str, TaskProposal], spaces: dict[str, str]
) -> list[str]:
    """Returns notes that name the spaces that tasks without a space seem to need."""
    return [
        note_on_space(tasks, task, space)
        for space in tasks
        for task in tasks
        if task not in spaces and task != space
        if seems_to_need(tasks[task], tasks[space])
    ]


def seems_to_need(task: TaskProposal, space: TaskProposal) -> bool:
    """Whether a task, such as `buy`, seems to need another task, `click`, as its space.

    Nearly all labels above 0 must lie in the rows where the space is 1, and not by
    chance: labels above 0 must be far rarer in the rows where the space is 0. In the
    rows where the space is 1, a conversion such as `buy` must be 1 in at most half of
    the rows, and an amount such as `price` must be above 0 in more than half.
    """
    is_amount = not task.task_class.HAS_CLASSES
    may_need_space = is_amount or task.task_class.BINARY_LABELS
    if not (may_need_space and space.task_class.BINARY_LABELS):
        return False
    num_positive = int((task.y > 0).sum())
    fills_half_of_space = 2 * num_positive > (space.y == 1).sum()
    if num_positive < MIN_POSITIVES or fills_half_of_space != is_amount:
        return False
    num_outside = num_labels_outside(task, space)
    if num_outside > MAX_OUTSIDE_SHARE * num_positive:
        return False
    is_labelled = ~np.isnan(task.y)
    rate_inside = (task.y[is_labelled & (space.y == 1)] > 0).mean()
    # The number of labels above 0 outside of the space, if the space did not matter.
    expected_outside = rate_inside * (is_labelled & (space.y == 0)).sum()
    if expected_outside < MIN_POSITIVES:
        return False
    return bool(num_outside <= MAX_RATIO_OF_RATES * expected_outside)


def num_labels_outside(task: TaskProposal, space: TaskProposal) -> int:
    """Returns the number of a task's labels other than 0 where the space is 0."""
    return int(((space.y == 0) & (np.nan_to_num(task.y) != 0)).sum())


def note_on_space(tasks: dict[str, TaskProposal], task: str, space: str) -> str:
    """Returns the note on a task that seems to need another task as its space."""
    num_outside = num_labels_outside(tasks[task], tasks[space])
    exception = f", except in {num_outside:,} rows" if num_outside else ""
    value = "1" if tasks[task].task_class.HAS_CLASSES else "above 0"
    return (
        f"{task} is {value} only where {space} is 1{exception}; to use only these rows "
        f"for {task}, add --space {task}:{space}"
    )


def limit_to_space(
    task: str,
    space: str,
    tasks: dict[str, TaskProposal],
    columns: dict[str, ColumnProfile],
) -> TaskProposal:
    """Returns a task's proposal without the labels outside the task's space.

    `space` is the name of another task, or of a column of 0 and 1. The rows where the
    space is 1 are inside the space.
    """
    argument = f"--space {task}:{space}"
    space_proposal = propose_space(argument, space, tasks, columns)
    proposal = tasks[task]
    y = np.where(space_proposal.y == 1, proposal.y, np.nan)
    labels = y[~np.isnan(y)]
    if len(np.unique(labels)) < 2:
        raise DataError(
            f"{argument}: where {space} is 1, {task} has one value or none; name "
            "another space, or leave out the argument"
        )
    label_count = f"{len(labels):,} labels where {space} is 1"
    remarks, reason = describe_labels(proposal, labels, label_count)
    num_outside = int(((proposal.y == 1) & (space_proposal.y != 1)).sum())
    if proposal.task_class.BINARY_LABELS and num_outside:
        warning = (
            f"WARNING: {task} is 1 in {num_outside:,} rows where {space} is not 1, and "
            f"these rows do not count for {task}; if they should count, leave out "
            f"{argument}"
        )
        remarks = {**remarks, "space": warning}
        reason = join_remarks(warning, reason)
    keys = {**proposal.keys, "space": space}
    return replace(proposal, keys=keys, remarks=remarks, reason=reason, y=y)


def describe_labels(
    proposal: TaskProposal, labels: Array, label_count: str
) -> tuple[dict[str, str], str]:
    """Returns the new `remarks` and `reason` of a task that is limited to a space.

    See `describe_amounts` for `labels` and `label_count`.
    """
    if not proposal.task_class.HAS_CLASSES:
        return describe_amounts(labels, label_count)
    if proposal.task_class.BINARY_LABELS and "kind" in proposal.remarks:
        reason = f"{labels.mean():.1%} of {label_count} are 1"
        return {**proposal.remarks, "kind": reason}, reason
    return proposal.remarks, proposal.reason


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
                f"{argument}: task {space} is not binary; a space holds 0 and 1"
            )
        return tasks[space]
    column = find_column(argument, space, columns)
    if not column.is_binary:
        content = "is empty"
        if column.num_filled:
            examples = ", ".join(column.most_frequent(3))
            content = (
                f"holds {column.num_distinct:,} different values, such as {examples}"
            )
        raise DataError(
            f"{argument}: column '{space}' {content}; a space holds 0 and 1"
        )
    return propose_task(space, argument, column)


def find_column(
    argument: str, name: str, columns: dict[str, ColumnProfile]
) -> ColumnProfile:
    """Returns the profile of the column that an argument of the command line names."""
    if name not in columns:
        message = unknown_name_message("column", name, "the table", list(columns))
        raise DataError(f"{argument}: {message}")
    return columns[name]
