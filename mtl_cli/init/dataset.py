"""Proposes a data set for a table: its tasks, features and split."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from mtl_cli.core.errors import DataError, suggest
from mtl_cli.init.column import Column
from mtl_cli.init.feature_proposal import Choice, left_out
from mtl_cli.init.features import propose
from mtl_cli.init.labels import Label, label_of
from mtl_cli.init.leaks import look_for_leaks, look_for_outcome, mark_twins
from mtl_cli.init.names import BIRTHS, is_person, words


@dataclass(frozen=True)
class Proposal:
    """What is proposed for a table.

    Attributes:
        labels: by task.
        choices: for the columns that are no labels, in the file's order.
        split_column: of times, if rows can be split by time.
        group_column: of users or sessions, if there is one that they have in all rows.
    """

    labels: dict[str, Label]
    choices: list[Choice]
    split_column: str | None
    group_column: str | None

    @property
    def features(self) -> list[Choice]:
        """The choices that are features."""
        return [choice for choice in self.choices if choice.role == "feature"]


def propose_dataset(
    columns: list[Column], tasks: dict[str, str], spaces: dict[str, str]
) -> Proposal:
    """Returns what is proposed for a table.

    Args:
        columns: of the table.
        tasks: the label column of each task.
        spaces: the task or column of 0 and 1 that limits a task's rows, by task.

    Raises:
        DataError: if a task, a space or the features cannot be had from the columns.
    """
    by_name = {column.name: column for column in columns}
    labels = {}
    for task, name in tasks.items():
        where = f"--task {task}"
        labels[task] = label_of(task, where, find(where, name, columns))
    for task, space in spaces.items():
        labels[task] = within(task, space, labels, columns)
    limits = {space: task for task, space in spaces.items() if space not in labels}
    choices = []
    for column in columns:
        if column.name in tasks.values():
            continue
        if column.name in limits:
            remark = f"the space of {limits[column.name]}, not known before"
            choices.append(left_out(column, remark))
        else:
            choice = look_for_leaks(propose(column), labels, by_name)
            choices.append(look_for_outcome(choice))
    choices = mark_twins(choices)
    proposal = Proposal(labels, choices, split_column(choices), group_column(choices))
    if not proposal.features:
        why = "; ".join(f"{c.column.name}: {c.remark}" for c in choices[:3])
        raise DataError(f"no column is left for a feature ({why or 'all are labels'})")
    return proposal


def find(where: str, name: str, columns: list[Column]) -> Column:
    """Returns the column of a name, or says which one may have been meant."""
    names = [column.name for column in columns]
    if name not in names:
        raise DataError(
            f"{where}: no column '{name}' in the table, which has {', '.join(names)}"
            f"{suggest(name, names)}"
        )
    return columns[names.index(name)]


def within(
    task: str, space: str, labels: dict[str, Label], columns: list[Column]
) -> Label:
    """Returns a task's label on the rows of its space only.

    Args:
        task: that has the space.
        space: a task, or a column of 0 and 1.
        labels: of all tasks.
        columns: of the table.
    """
    where = f"--space {task}:{space}"
    if space in labels:
        limit = labels[space]
        if limit.task["kind"] != "binary":
            raise DataError(f"{where}: task {space} is not binary; a space is 0 or 1")
    else:
        column = find(where, space, columns)
        if not column.is_binary:
            held = f"holds {column.distinct:,} values such as "
            held += ", ".join(column.most_frequent(3))
            held = held if column.known else "is empty"
            raise DataError(f"{where}: column '{space}' {held}; a space holds 0 and 1")
        limit = label_of(space, where, column)
    label = labels[task]
    y = label.y.copy()
    y[limit.y != 1] = np.nan
    if len(np.unique(y[~np.isnan(y)])) < 2:
        raise DataError(f"{where}: where {space} is 1, {task} has one value or none")
    return replace(label, task={**label.task, "space": space}, y=y)


def times(choices: list[Choice]) -> Iterator[Column]:
    """Yields the columns of times at which rows may have come about."""
    for choice in choices:
        if choice.role == "time" and not BIRTHS & set(words(choice.column.name)):
            yield choice.column


def split_column(choices: list[Choice]) -> str | None:
    """Returns the column of times by which rows can be split: each row has one."""
    fit = (c.name for c in times(choices) if not c.missing and c.distinct > 1)
    return next(fit, None)


def group_column(choices: list[Choice]) -> str | None:
    """Returns the column of users or sessions, if they come more than once."""
    for choice in choices:
        column = choice.column
        named = choice.role == "feature" and is_person(column.name)
        repeated = column.distinct > 20 and column.known >= 2 * column.distinct
        if named and repeated and not column.missing:
            return column.name
    return None
