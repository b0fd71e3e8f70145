"""Leaves out columns of many rare values that say nothing about any label.

A network learns the labels of the few rows of each value by heart, such as the rows of
each surname, and predicts other rows worse.
"""

import numpy as np
from scipy.special import fdtrc
from scipy.stats import rankdata

from mtl_cli.init.column_profile import Array
from mtl_cli.init.column_proposal import (
    MAX_VALUES_WITHOUT_MIN_COUNT,
    ColumnProposal,
    leave_out,
)
from mtl_cli.init.column_rules import id_name
from mtl_cli.init.name_hints import suggests_entity
from mtl_cli.init.shared_table import share_table
from mtl_cli.init.task_proposal import TaskProposal

MAX_ROWS_PER_VALUE = 10  # on average
MIN_CHANCE = 0.05  # the values say nothing if chance explains this much, see `chance`


def leave_out_uninformative(
    proposal: ColumnProposal,
    proposals: list[ColumnProposal],
    tasks: dict[str, TaskProposal],
) -> ColumnProposal:
    """Leaves out a column of many rare values if the labels do not depend on them.

    Users and items stay: other columns and the groups of a metric may need them. So do
    columns whose embeddings a list among `proposals` uses.
    """
    column, keys = proposal.column, proposal.keys or {}
    if (
        not proposal.is_feature
        or keys.get("kind") not in ("sparse", "hashed")
        or suggests_entity(id_name(column))
        or column.num_distinct <= MAX_VALUES_WITHOUT_MIN_COUNT
        or column.num_filled > MAX_ROWS_PER_VALUE * column.num_distinct
        or any(share_table(other, [proposal]) is not other for other in proposals)
        or any(may_depend(task, column.codes) for task in tasks.values())
    ):
        return proposal
    remark = "few rows have each value, and the labels do not depend on it (F-test)"
    return leave_out(column, remark, keys)


def may_depend(task: TaskProposal, codes: Array) -> bool:
    """Whether labels may depend on a column's values: three classes always may."""
    has_numbers = task.task_class.BINARY_LABELS or not task.task_class.HAS_CLASSES
    return not has_numbers or chance(codes, task.y) < MIN_CHANCE


def chance(codes: Array, y: Array) -> float:
    """Returns the probability of the differences between values if there are none.

    The F-test of a one-way analysis of variance compares the ranks of the labels `y`,
    (rows,), between values with those within values. `codes` is an attribute of
    `ColumnProfile`. Returns 0 if no value has two labels.
    """
    is_known = (codes >= 0) & ~np.isnan(y)
    values, codes = np.unique(codes[is_known], return_inverse=True)
    freedom = len(codes) - len(values)
    if len(values) < 2 or freedom == 0:
        return 0.0
    ranks = rankdata(y[is_known])
    counts = np.bincount(codes)
    means = np.bincount(codes, ranks) / counts
    between = (counts * (means - ranks.mean()) ** 2).sum() / (len(values) - 1)
    within = ((ranks - means[codes]) ** 2).sum() / freedom
    return float(fdtrc(len(values) - 1, freedom, between / within)) if within else 0.0
