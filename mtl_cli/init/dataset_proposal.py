"""A proposal for a whole table: its tasks, features and split."""

from dataclasses import dataclass

import numpy as np

from mtl_cli.core.errors import DataError
from mtl_cli.init.column_profile import ColumnProfile
from mtl_cli.init.column_proposal import ColumnProposal, leave_out
from mtl_cli.init.column_rules import propose_column
from mtl_cli.init.leaks import mark_copies, mark_leak
from mtl_cli.init.name_hints import (
    BIRTH_WORDS,
    LASTING_WORDS,
    has_word,
    suggests_person,
)
from mtl_cli.init.shared_tables import notes_on_shared_tables
from mtl_cli.init.spaces import find_column, limit_to_space, notes_on_spaces
from mtl_cli.init.task_proposal import TaskProposal
from mtl_cli.init.task_rules import propose_task

MIN_TIMES = 3  # one time each for training, validation and test rows
# A column is proposed for group AUC only with at least these numbers.
MIN_GROUPS = 21
MIN_ROWS_PER_GROUP = 2  # on average


@dataclass(frozen=True)
class DatasetProposal:
    """The proposal for a table.

    A task may have a space: another task, or a column of 0 and 1. The task's labels
    count only in the rows where its space is 1.

    Attributes:
        tasks: {task: the proposal for its label column}.
        columns: the proposals for all columns that are not labels, in the file's order.
        notes: lines for the terminal about several columns together.
    """

    tasks: dict[str, TaskProposal]
    columns: list[ColumnProposal]
    notes: list[str]

    @property
    def features(self) -> list[ColumnProposal]:
        """The proposals of the columns that become features."""
        return [proposal for proposal in self.columns if proposal.is_feature]

    @property
    def needed_columns(self) -> list[str]:
        """The names of the columns of labels, spaces and features."""
        names = [task.label for task in self.tasks.values()]
        spaces = [task.keys.get("space") for task in self.tasks.values()]
        # A space that is a task has no column of its own.
        names += [space for space in spaces if space and space not in self.tasks]
        names += [proposal.column.name for proposal in self.features]
        return list(dict.fromkeys(names))

    @property
    def split_column(self) -> str | None:
        """The first column of times that can split the rows; None if there is none.

        Such a column has a time in every row, enough different times for all splits,
        and no dates of birth.
        """
        for column in [p.column for p in self.columns if p.role == "time"]:
            if (
                not column.num_missing
                and column.num_distinct >= MIN_TIMES
                and not has_word(column.name, BIRTH_WORDS)
            ):
                return column.name
        return None

    @property
    def group_column(self) -> str | None:
        """The first feature that can group rows for group AUC; None if there is none.

        Such a feature holds users or sessions, and no empty cells.
        """
        for column in [proposal.column for proposal in self.features]:
            if (
                suggests_person(column.name)
                and column.kind != "list"
                and not column.num_missing
                and column.num_distinct >= MIN_GROUPS
                and column.num_filled >= MIN_ROWS_PER_GROUP * column.num_distinct
            ):
                return column.name
        return None


def propose_dataset(
    columns: list[ColumnProfile], labels: dict[str, str], spaces: dict[str, str]
) -> DatasetProposal:
    """Returns the proposal for a table.

    Args:
        columns: the profiles of all columns.
        labels: {task: its label column}.
        spaces: {task: its space}, for tasks with a space.

    Raises:
        DataError: if a column is missing or does not fit its task or space, or if no
            column can be a feature.
    """
    column_by_name = {column.name: column for column in columns}
    tasks = {}
    for task, label in labels.items():
        column = find_column(f"--task {task}", label, column_by_name)
        tasks[task] = propose_task(task, f"--task {task}", column)
    notes = notes_on_spaces(tasks, spaces)
    # All spaces are computed from `tasks` without spaces. So a task that is the space
    # of another task counts with all its labels, even if it has a space itself.
    tasks_with_space = {
        task: limit_to_space(task, space, tasks, column_by_name)
        for task, space in spaces.items()
    }
    tasks |= tasks_with_space
    task_by_space_column = {s: task for task, s in spaces.items() if s not in tasks}
    entities = [column for column in columns if is_entity(column)]
    proposals = []
    for column in columns:
        if column.name in labels.values():
            continue
        if task_of_space := task_by_space_column.get(column.name):
            proposals.append(leave_out_space(column, task_of_space))
        else:
            proposal = leave_out_time_of_entity(propose_column(column), entities)
            proposals.append(mark_leak(proposal, tasks, column_by_name))
    proposals = mark_copies(proposals)
    notes += notes_on_shared_tables(proposals)
    dataset = DatasetProposal(tasks, proposals, notes)
    if not dataset.features:
        raise no_feature_error(proposals)
    return dataset


def no_feature_error(proposals: list[ColumnProposal]) -> DataError:
    """Returns the error for a table of which no column can be a feature."""
    reasons = [f"{p.column.name}: {p.explanation}" for p in proposals[:3]]
    reason = "; ".join(reasons) or "all are labels"
    return DataError(f"no column is left for a feature ({reason})")


def leave_out_space(column: ColumnProfile, task: str) -> ColumnProposal:
    """Leaves out a column that is the space of a task."""
    remark = (
        f"the column is the space of {task}, and is not known before the prediction"
    )
    return leave_out(column, remark)


def is_entity(column: ColumnProfile) -> bool:
    """Whether a column may hold users or items, each in two rows or more on average."""
    if column.kind == "list" or column.num_filled < 2 * column.num_distinct:
        return False
    return has_word(column.name, LASTING_WORDS)


def leave_out_time_of_entity(
    proposal: ColumnProposal, entities: list[ColumnProfile]
) -> ColumnProposal:
    """Leaves out the time of a user or an item, such as the time of registration.

    Such a column has one time for each user or item, not a time for each row, so rows
    cannot be split by the column. Other proposals are returned unchanged. The
    `entities` are the columns for which `is_entity` is true.
    """
    time = proposal.column
    if proposal.role != "time" or time.num_distinct < 2:
        return proposal
    for entity in entities:
        if entity.name == time.name:
            continue
        has_both = (entity.codes >= 0) & (time.codes >= 0)
        codes = entity.codes[has_both].astype("int64")
        # Each pair of an entity and a time becomes one integer.
        pairs = codes * time.num_distinct + time.codes[has_both]
        num_entities = len(np.unique(codes))
        has_one_time_each = len(np.unique(pairs)) == num_entities
        # With few entities, or with one row per entity, this may be true by chance.
        if has_one_time_each and 2 < num_entities <= len(codes) // 2:
            remark = (
                f"each {entity.name} has one time, so this is not the time of the row"
            )
            return leave_out(time, remark)
    return proposal
