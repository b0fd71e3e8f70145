"""A proposal for a whole table: its tasks, features and split."""

from dataclasses import dataclass, replace

import numpy as np

from mtl_cli.core.errors import DataError, suggest
from mtl_cli.init.column_profile import ColumnProfile
from mtl_cli.init.feature_proposal import FeatureProposal, leave_out
from mtl_cli.init.feature_rules import propose_feature
from mtl_cli.init.leaks import mark_copies, mark_leak, mark_outcome
from mtl_cli.init.name_hints import is_birth, is_person
from mtl_cli.init.task_proposal import TaskProposal, propose_task


@dataclass(frozen=True)
class DatasetProposal:
    """The proposal for a table.

    Attributes:
        tasks: {task: the proposal for its label column}.
        columns: the proposals for all other columns, in the file's order.
    """

    tasks: dict[str, TaskProposal]
    columns: list[FeatureProposal]

    @property
    def features(self) -> list[FeatureProposal]:
        """The proposals of features."""
        return [proposal for proposal in self.columns if proposal.is_feature]

    @property
    def split_column(self) -> str | None:
        """The first column with the time of every row, if rows can be split by time."""
        for proposal in self.columns:
            column = proposal.column
            complete = column.distinct > 1 and not column.missing
            if proposal.role == "time" and complete and not is_birth(column.name):
                return column.name
        return None

    @property
    def group_column(self) -> str | None:
        """The first column of users or sessions that occur several times."""
        for proposal in self.features:
            column = proposal.column
            repeated = column.distinct > 20 and column.filled >= 2 * column.distinct
            if is_person(column.name) and repeated and not column.missing:
                return column.name
        return None


def propose_dataset(
    columns: list[ColumnProfile], labels: dict[str, str], spaces: dict[str, str]
) -> DatasetProposal:
    """Returns the proposal for a table.

    Args:
        columns: the profiles of the table's columns.
        labels: {task: label column}.
        spaces: {task: the task, or the column of 0 and 1, that limits the task's rows}.

    Raises:
        DataError: if a task, a space or the features cannot be had from the columns.
    """
    by_name = {column.name: column for column in columns}
    tasks = {}
    for task, label in labels.items():
        argument = f"--task {task}"
        tasks[task] = propose_task(task, argument, find(argument, label, by_name))
    for task, space in spaces.items():
        tasks[task] = limit_to_space(task, space, tasks, by_name)
    space_columns = {
        space: task for task, space in spaces.items() if space not in tasks
    }
    proposals = []
    for column in columns:
        if column.name in space_columns:
            remark = f"the space of {space_columns[column.name]}, not known before"
            proposals.append(leave_out(column, remark))
        elif column.name not in labels.values():
            proposal = mark_leak(propose_feature(column), tasks, by_name)
            proposals.append(mark_outcome(proposal))
    dataset = DatasetProposal(tasks, mark_copies(proposals))
    if not dataset.features:
        reasons = [f"{p.column.name}: {p.remark}" for p in dataset.columns[:3]]
        why = "; ".join(reasons) or "all are labels"
        raise DataError(f"no column is left for a feature ({why})")
    return dataset


def find(argument: str, name: str, columns: dict[str, ColumnProfile]) -> ColumnProfile:
    """Returns the column of a name, or says which one may have been meant."""
    if name not in columns:
        raise DataError(
            f"{argument}: no column '{name}' in the table, which has "
            f"{', '.join(columns)}{suggest(name, list(columns))}"
        )
    return columns[name]


def limit_to_space(
    task: str,
    space: str,
    tasks: dict[str, TaskProposal],
    columns: dict[str, ColumnProfile],
) -> TaskProposal:
    """Returns a task's proposal with labels in the rows of the task's space only.

    The space is a task, or a column of 0 and 1.
    """
    argument = f"--space {task}:{space}"
    if space in tasks:
        limit = tasks[space]
        if not limit.task_class.BINARY_LABELS:
            raise DataError(
                f"{argument}: task {space} is not binary; a space is 0 or 1"
            )
    else:
        column = find(argument, space, columns)
        if not column.is_binary:
            examples = ", ".join(column.most_frequent(3))
            content = f"holds {column.distinct:,} values such as {examples}"
            content = content if column.filled else "is empty"
            raise DataError(
                f"{argument}: column '{space}' {content}; a space holds 0 and 1"
            )
        limit = propose_task(space, argument, column)
    proposal = tasks[task]
    y = np.where(limit.y == 1, proposal.y, np.nan)
    if len(np.unique(y[~np.isnan(y)])) < 2:
        raise DataError(f"{argument}: where {space} is 1, {task} has one value or none")
    return replace(proposal, keys={**proposal.keys, "space": space}, y=y)
