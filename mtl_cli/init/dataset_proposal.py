"""A proposal for a whole table: its tasks, features and split."""

from dataclasses import dataclass
from itertools import product

import numpy as np
import pyarrow.compute as pc

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
from mtl_cli.init.spaces import find_column, limit_to_space, notes_on_spaces
from mtl_cli.init.task_proposal import TaskProposal
from mtl_cli.init.task_rules import propose_task

MIN_COMMON_IDS = 21  # fewer values, such as hours or ages, are common by accident
MIN_TIMES = 3  # one each for training, validation and test rows


@dataclass(frozen=True)
class DatasetProposal:
    """The proposal for a table.

    A task may have a space: another task, or a column of 0 and 1. The task's labels
    count only in the rows where its space is 1.

    Attributes:
        tasks: {task: the proposal for its label column}.
        columns: the proposals for all other columns, in the file's order.
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
        names += [space for space in spaces if space and space not in self.tasks]
        names += [proposal.column.name for proposal in self.features]
        return list(dict.fromkeys(names))

    @property
    def split_column(self) -> str | None:
        """The first column of times that can split the rows; None if there is none.

        The column has a time in every row, and enough times for all splits. The times
        are not dates of birth.
        """
        for proposal in self.columns:
            column = proposal.column
            is_birth = has_word(column.name, BIRTH_WORDS)
            is_row_time = proposal.role == "time" and not is_birth
            has_times = column.num_distinct >= MIN_TIMES and not column.num_missing
            if is_row_time and has_times:
                return column.name
        return None

    @property
    def group_column(self) -> str | None:
        """The first feature that can group rows for group AUC; None if there is none.

        The feature holds more than 20 users or sessions, each in two or more rows on
        average, and no empty cells.
        """
        for proposal in self.features:
            column = proposal.column
            repeats = (
                column.num_distinct > 20
                and column.num_filled >= 2 * column.num_distinct
            )
            if suggests_person(column.name) and repeats and not column.num_missing:
                return column.name
        return None


def propose_dataset(
    columns: list[ColumnProfile], labels: dict[str, str], spaces: dict[str, str]
) -> DatasetProposal:
    """Returns the proposal for a table with {task: label column} and {task: space}.

    Raises:
        DataError: if a column is missing or does not fit its task or space, or if no
            column can be a feature.
    """
    by_name = {column.name: column for column in columns}
    tasks = {}
    for task, label in labels.items():
        column = find_column(f"--task {task}", label, by_name)
        tasks[task] = propose_task(task, f"--task {task}", column)
    notes = notes_on_spaces(tasks, spaces)
    for task, space in spaces.items():
        tasks[task] = limit_to_space(task, space, tasks, by_name)
    task_by_space = {space: task for task, space in spaces.items()}
    proposals = []
    for column in columns:
        if column.name in labels.values():
            continue
        if column.name in task_by_space:
            task = task_by_space[column.name]
            remark = f"the space of {task}, not known before the prediction"
            proposals.append(leave_out(column, remark))
        else:
            proposal = leave_out_time_of_entity(propose_column(column), columns)
            proposals.append(mark_leak(proposal, tasks, by_name))
    proposals = mark_copies(proposals)
    notes += notes_on_shared_tables(proposals)
    dataset = DatasetProposal(tasks, proposals, notes)
    if not dataset.features:
        reasons = [f"{p.column.name}: {p.explanation}" for p in dataset.columns[:3]]
        reason = "; ".join(reasons) or "all are labels"
        raise DataError(f"no column is left for a feature ({reason})")
    return dataset


def notes_on_shared_tables(proposals: list[ColumnProposal]) -> list[str]:
    """Returns a note for each list whose values are ids of another feature.

    Such a list is often a history: the last items of a user, beside the item of the
    row. Nearly all values of the list, and half of the ids, are values of both.
    """
    notes = []
    features = [proposal for proposal in proposals if proposal.is_feature]
    lists = [
        (p.column.name, p.column.elements)
        for p in features
        if p.column.elements is not None
    ]
    ids = [
        p.column
        for p in features
        if p.column.elements is None and (p.keys or {}).get("kind") == "sparse"
    ]
    for (name, elements), id_column in product(lists, ids):
        is_common = pc.is_in(elements.values, value_set=id_column.values)
        num_common = np.asarray(is_common).sum()
        if (
            num_common >= max(MIN_COMMON_IDS, 0.9 * elements.num_distinct)
            and num_common >= 0.5 * id_column.num_distinct
        ):
            id_name = id_column.name
            notes.append(
                f"{name} holds values of {id_name}; with table: {id_name} in place of "
                f"min_count, {name} uses the embeddings of {id_name}"
            )
    return notes


def leave_out_time_of_entity(
    proposal: ColumnProposal, columns: list[ColumnProfile]
) -> ColumnProposal:
    """Leaves out the time of a user or an item, such as the time of registration.

    Such a column has one time for each user or item. It is not the time of the row, so
    rows cannot be split by it. Other proposals are returned unchanged.
    """
    time = proposal.column
    if proposal.role != "time" or time.num_distinct < 2:
        return proposal
    for column in columns:
        if column.name == time.name or not has_word(column.name, LASTING_WORDS):
            continue
        if column.kind == "list" or column.num_filled < 2 * column.num_distinct:
            continue
        has_both = (column.codes >= 0) & (time.codes >= 0)
        entities = column.codes[has_both].astype("int64")
        # Each pair of an entity and a time becomes one integer.
        pairs = entities * time.num_distinct + time.codes[has_both]
        num_entities = len(np.unique(entities))
        has_one_time_each = len(np.unique(pairs)) == num_entities
        if has_one_time_each and 2 < num_entities <= len(entities) // 2:
            remark = f"one time per {column.name}, not the time of the row"
            return leave_out(time, remark)
    return proposal
