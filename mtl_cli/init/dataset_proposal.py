"""A proposal for a whole table: its tasks, features and split."""

from dataclasses import dataclass

from mtl_cli.core.errors import DataError
from mtl_cli.init.column_profile import ColumnProfile
from mtl_cli.init.column_proposal import ColumnProposal, leave_out
from mtl_cli.init.column_rules import id_name, propose_column
from mtl_cli.init.leaks import keep_leak, mark_leak, num_distinct_pairs
from mtl_cli.init.name_hints import (
    BIRTH_WORDS,
    LASTING_WORDS,
    has_word,
    suggests_person,
)
from mtl_cli.init.spaces import find_column, limit_to_space, notes_on_spaces
from mtl_cli.init.task_proposal import TaskProposal
from mtl_cli.init.task_rules import propose_task
from mtl_cli.init.uninformative_values import leave_out_uninformative

MIN_TIMES = 3  # one time each for training, validation and test rows
# A column is proposed for group AUC only with at least these numbers.
MIN_GROUPS = 21
MIN_ROWS_PER_GROUP = 2  # on average
PERSON_ROLES = ("feature", "request")  # of columns that may group rows


@dataclass(frozen=True)
class DatasetProposal:
    """The proposal for a table.

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
        return [proposal for proposal in self.columns if proposal.is_feature]

    @property
    def split_column(self) -> str | None:
        """The first column of times that can split all rows, or None."""
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
        """The first column of users or sessions that can group rows, or None."""
        for column in [p.column for p in self.columns if p.role in PERSON_ROLES]:
            if (
                suggests_person(id_name(column))
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

    `labels` are {task: its label column}, `spaces` are {task: its space}.
    """
    column_by_name = {column.name: column for column in columns}
    tasks = {}
    for task, label in labels.items():
        column = find_column(f"--task {task}", label, column_by_name)
        tasks[task] = propose_task(task, f"--task {task}", column)
    notes = notes_on_spaces(tasks, spaces)
    # A task that is the space of another task counts with all its labels, even if it
    # has a space itself: all spaces are computed from `tasks` without spaces.
    tasks |= {
        task: limit_to_space(task, space, tasks, column_by_name)
        for task, space in spaces.items()
    }
    task_by_space_column = {s: task for task, s in spaces.items() if s not in tasks}
    entities = [column for column in columns if is_entity(column)]
    proposals = []
    for column in columns:
        if column.name in labels.values():
            continue
        if task_of_space := task_by_space_column.get(column.name):
            remark = f"the column is the space of {task_of_space}"
            proposals.append(leave_out(column, remark))
        else:
            proposal = leave_out_time_of_entity(propose_column(column), entities)
            proposals.append(mark_leak(proposal, tasks, column_by_name))
    informative = [leave_out_uninformative(p, proposals, tasks) for p in proposals]
    if any(proposal.is_feature for proposal in informative):
        proposals = informative
    elif not any(proposal.is_feature for proposal in proposals):
        proposals = [keep_leak(proposal) for proposal in proposals]
    dataset = DatasetProposal(tasks, proposals, notes)
    if not dataset.features:
        reasons = [f"{p.column.name}: {p.explanation}" for p in proposals[:3]]
        reason = "; ".join(reasons) or "all are labels"
        raise DataError(f"no column is left for a feature ({reason})")
    return dataset


def is_entity(column: ColumnProfile) -> bool:
    """Whether a column may hold users or items, each in two rows or more on average."""
    if column.kind == "list" or column.num_filled < 2 * column.num_distinct:
        return False
    return has_word(column.name, LASTING_WORDS)


def leave_out_time_of_entity(
    proposal: ColumnProposal, entities: list[ColumnProfile]
) -> ColumnProposal:
    """Leaves out the time of a user or an item, such as the time of registration.

    Such a column has one time for each value of a column among `entities`, so the rows
    cannot be split by it.
    """
    time = proposal.column
    if proposal.role != "time" or time.num_distinct < 2:
        return proposal
    for entity in entities:
        if entity.name == time.name:
            continue
        has_time = time.codes >= 0
        if (entity.codes[has_time] < 0).any():
            continue  # rows without the entity have no time of the entity
        num_pairs, num_entities, _ = num_distinct_pairs(
            entity.codes[has_time], time.codes[has_time]
        )
        # With few entities, or with one row per entity, this may be true by chance.
        if num_pairs == num_entities and 2 < num_entities <= has_time.sum() // 2:
            remark = (
                f"each {entity.name} has one time, so this is not the time of the row"
            )
            return leave_out(time, remark)
    return proposal
