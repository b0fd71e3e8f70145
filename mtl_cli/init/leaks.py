"""Finds columns that give a label away, and columns that repeat another column."""

from dataclasses import replace

import numpy as np

from mtl_cli.data.univariate_auc import MIN_ROWS_PER_CLASS, SUSPICIOUS_AUC
from mtl_cli.init.column_profile import Array, ColumnProfile
from mtl_cli.init.column_proposal import ColumnProposal, join_remarks, leave_out
from mtl_cli.init.dependence import auc_of_column, correlation, dependence_of_target
from mtl_cli.init.name_hints import OUTCOME_WORDS, last_word
from mtl_cli.init.task_proposal import TaskProposal

SUSPICIOUS_CORRELATION = SUSPICIOUS_AUC  # both limits have the same value
MAX_CHANCE = 1e-6  # the largest probability that a leak is found by chance


def mark_leak(
    proposal: ColumnProposal,
    tasks: dict[str, TaskProposal],
    columns: dict[str, ColumnProfile],
) -> ColumnProposal:
    """Leaves out a feature that equals a label; warns if a feature predicts a label.

    If the name of a feature suggests an outcome, such as `bought`, a remark asks
    whether the feature is known before the prediction. Other proposals are returned
    unchanged. `columns` are all columns of the table by name.
    """
    column = proposal.column
    if not proposal.is_feature:
        return proposal
    # The values of lists are not compared with labels.
    compared_tasks = {} if column.kind == "list" else tasks
    for name, task in compared_tasks.items():
        if equals_label(column, task, columns[task.label].codes):
            remark = f"the feature would give the label away: {name} under another name"
            return leave_out(column, remark, proposal.keys)
    for name, task in compared_tasks.items():
        if sign := sign_of_leak(column, name, task, columns[task.label].codes):
            return warn_of_leak(proposal, sign)
    if last_word(column.name) in OUTCOME_WORDS and not proposal.explanation:
        remark = "is the column known before the prediction? If not, remove the feature"
        return replace(proposal, remark=remark)
    return proposal


def warn_of_leak(proposal: ColumnProposal, sign: str) -> ColumnProposal:
    """Adds a warning to a feature with a sign of a leak; see `sign_of_leak`."""
    warning = (
        f"the column {sign}; is the column known before the prediction? If not, remove "
        "the feature"
    )
    warning = join_remarks(warning, proposal.warning)
    return replace(proposal, warning=warning, may_leak=True)


def equals_label(column: ColumnProfile, task: TaskProposal, label_codes: Array) -> bool:
    """Whether a column holds the labels of a task, perhaps written as other values.

    `label_codes` are the `codes` of the label column, see `ColumnProfile`.
    """
    if not task.task_class.HAS_CLASSES:
        # Because of rounding, the correlation of equal columns may be less than 1.
        return correlation(column, task.y) > 1 - 1e-9
    targets = [label_codes]
    if task.task_class.BINARY_LABELS:
        # If a label column has more than two values, some values count as 1, and all
        # other values as 0. A feature may repeat the values, or only these zeros and
        # ones.
        targets.append(np.where(np.isnan(task.y), -1, task.y).astype("int64"))
    return any(dependence_of_target(column, t) == "one to one" for t in targets)


def sign_of_leak(
    column: ColumnProfile, name: str, task: TaskProposal, label_codes: Array
) -> str:
    """Describes a sign that a column is known only after the label; "" without a sign.

    For example "alone predicts click with AUC 0.9990". `name` is the name of the task.
    See `equals_label` for the other arguments.
    """
    if task.task_class.BINARY_LABELS:
        auc = auc_of_column(column, task.y)
        if auc > SUSPICIOUS_AUC:
            return f"alone predicts {name} with AUC {auc:.4f}"
        value = positive_only_value(column, task.y)
        return f"is {value} only where {name} is 1" if value else ""
    if task.task_class.HAS_CLASSES:
        if dependence_of_target(column, label_codes) == "many to one":
            return f"determines {name}: each of its values occurs with one class only"
        return ""
    strength = correlation(column, task.y)
    if strength > SUSPICIOUS_CORRELATION:
        return f"alone predicts {name} with correlation {strength:.4f}"
    return ""


def positive_only_value(column: ColumnProfile, y: Array) -> str:
    """Returns the value, in a column of two values, that only rows with label 1 hold.

    For example, if the label is a click, a column of conversions is 1 only in rows with
    label 1. If p is the share of rows with label 1, then n rows with the same value all
    have label 1 by chance with the probability p^n. If this probability is not below
    `MAX_CHANCE`, or no such value exists, returns "".
    """
    is_labelled = (column.codes >= 0) & ~np.isnan(y)
    if column.num_distinct != 2 or not is_labelled.any():
        return ""
    positive_share = y[is_labelled].mean()
    for code, value in enumerate(column.values):
        labels = y[is_labelled & (column.codes == code)]
        if (
            len(labels) >= MIN_ROWS_PER_CLASS
            and labels.all()
            and positive_share ** len(labels) < MAX_CHANCE
        ):
            return str(value)
    return ""


def mark_copies(proposals: list[ColumnProposal]) -> list[ColumnProposal]:
    """Adds a remark to each feature that says the same as an earlier feature.

    Two features say the same if their values correspond one to one. Lists, and features
    with at most two distinct values, are not compared.
    """
    # Values that correspond one to one occur equally often. So a feature is compared
    # only with features whose sorted counts of values are equal.
    columns_by_counts: dict[bytes, list[ColumnProfile]] = {}
    marked = []
    for proposal in proposals:
        column = proposal.column
        if proposal.is_feature and column.kind != "list" and column.num_distinct > 2:
            counts = np.sort(column.counts).tobytes()
            earlier_columns = columns_by_counts.setdefault(counts, [])
            original = find_original(column, earlier_columns)
            if original is None:
                earlier_columns.append(column)
            else:
                remark = f"the column says the same as {original.name}"
                remark = join_remarks(proposal.remark, remark)
                proposal = replace(proposal, remark=remark)
        marked.append(proposal)
    return marked


def find_original(
    column: ColumnProfile, earlier_columns: list[ColumnProfile]
) -> ColumnProfile | None:
    """Returns the first earlier column whose values correspond one to one."""
    for earlier in earlier_columns:
        if dependence_of_target(column, earlier.codes) == "one to one":
            return earlier
    return None
