"""Finds columns that give a label away, and columns that repeat another column."""

from dataclasses import replace
from typing import Literal

import numpy as np

from mtl_cli.data.univariate_auc import (
    MIN_ROWS_PER_CLASS,
    SUSPICIOUS_AUC,
    univariate_auc,
)
from mtl_cli.init.column_profile import Array, ColumnProfile
from mtl_cli.init.column_proposal import ColumnProposal, join_remarks, leave_out
from mtl_cli.init.name_hints import OUTCOME_WORDS, last_word
from mtl_cli.init.task_proposal import TaskProposal

Dependence = Literal["one to one", "many to one", "none"]
# The smallest mean number of rows per value. With fewer rows, each value may go with
# one target value by chance.
MIN_ROWS_PER_VALUE = 10
# Of the rows with a target, at least this share must have a value in the column too.
MIN_COMMON_SHARE = 0.5
# The largest number of distinct values, divided by the number of rows.
MAX_DISTINCT_SHARE = 0.5
MAX_CHANCE = 1e-6  # the largest probability that a finding is by chance


def mark_leak(
    proposal: ColumnProposal,
    tasks: dict[str, TaskProposal],
    columns: dict[str, ColumnProfile],
) -> ColumnProposal:
    """Leaves out a feature that equals a label; warns if a feature predicts a label.

    If the name of a feature suggests an outcome, such as `bought`, a remark asks
    whether the feature is known before the prediction. Other proposals are returned
    unchanged.
    """
    column = proposal.column
    if not proposal.is_feature:
        return proposal
    # The values of lists are not compared with labels.
    compared_tasks = {} if column.kind == "list" else tasks
    for name, task in compared_tasks.items():
        if equals_label(column, task, columns[task.label].codes):
            remark = f"the feature would give the answer away: {name} under another "
            remark += "name"
            if rate := possible_sampling_rate(column, task):
                remark += "; if the column is the share of the rows that were kept, "
                remark += f"write sampling_rate: {rate:g} into the task {name}"
            return leave_out(column, remark, proposal.keys)
    for name, task in compared_tasks.items():
        label_codes = columns[task.label].codes
        if sign := sign_of_leak(column, name, task, label_codes):
            warning = f"the column {sign}; is the column known before the prediction? "
            warning += "If not, remove the feature"
            warning = join_remarks(warning, proposal.warning)
            return replace(proposal, warning=warning, may_leak=True)
    if last_word(column.name) in OUTCOME_WORDS and not proposal.explanation:
        remark = "is the column known before the prediction? If not, remove the feature"
        return replace(proposal, remark=remark)
    return proposal


def equals_label(column: ColumnProfile, task: TaskProposal, label_codes: Array) -> bool:
    """Whether a column holds the labels of a task, perhaps written as other values.

    `label_codes` are the `codes` of the label column, see `ColumnProfile`.
    """
    if not task.task_class.HAS_CLASSES:
        # Because of rounding, the correlation of equal columns may be less than 1.
        return correlation(column, task.y) > 1 - 1e-9
    targets = [label_codes]
    if task.task_class.BINARY_LABELS:
        # If a label column has more than two values, some count as 1 and the others as
        # 0. A feature may repeat the values, or only these zeros and ones.
        targets.append(np.where(np.isnan(task.y), -1, task.y).astype("int64"))
    return any(dependence_on(column, target) == "one to one" for target in targets)


def sign_of_leak(
    column: ColumnProfile, name: str, task: TaskProposal, label_codes: Array
) -> str:
    """Describes a sign that a column is known only after the label; "" without a sign.

    The text ends a sentence that begins with "the column". `name` is the name of the
    task. See `equals_label` for the other arguments.
    """
    if task.task_class.BINARY_LABELS:
        auc = auc_of_column(column, task.y)
        if auc > SUSPICIOUS_AUC:
            return f"alone predicts {name} with AUC {auc:.4f}"
        value = positive_only_value(column, task.y)
        return f"is {value} only where {name} is 1" if value else ""
    if task.task_class.HAS_CLASSES:
        has_one_class_each = dependence_on(column, label_codes) == "many to one"
        if not has_one_class_each:
            return ""
        return f"determines {name}: each of its values occurs with one class only"
    strength = correlation(column, task.y)
    if strength > SUSPICIOUS_AUC:
        return f"alone predicts {name} with correlation {strength:.4f}"
    return ""


def possible_sampling_rate(column: ColumnProfile, task: TaskProposal) -> float | None:
    """Returns the sampling rate of a task if a column may hold the rate, else None.

    A column of sampling rates is 1 in all rows with label 1, and between 0 and 1 in all
    rows with label 0. The given column corresponds one to one to the labels, so the
    rate is taken from one row.
    """
    if not task.task_class.BINARY_LABELS or column.numbers is None:
        return None
    numbers = column.numbers_by_row()
    positive, negative = numbers[task.y == 1], numbers[task.y == 0]
    if np.any(positive != 1) or not np.all((negative > 0) & (negative < 1)):
        return None
    return float(negative[0])


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
            alike = columns_by_counts.setdefault(counts, [])
            for other in alike:
                if dependence_on(column, other.codes) == "one to one":
                    remark = f"the column says the same as {other.name}"
                    remark = join_remarks(proposal.remark, remark)
                    proposal = replace(proposal, remark=remark)
                    break
            else:
                alike.append(column)
        marked.append(proposal)
    return marked


def dependence_on(column: ColumnProfile, target: Array) -> Dependence:
    """Returns how a target depends on a column.

    `one to one`: each value of the column goes with one target value, and each target
    value goes with one value of the column. `many to one`: each value of the column
    goes with one target value, and occurs in `MIN_ROWS_PER_VALUE` rows or more on
    average. `none`: neither is true, or too few rows have a value and a target value,
    or the column's values repeat too rarely to decide.

    Args:
        column: the profile of a column.
        target: the index of each row's target value, -1 for a missing value, (rows,).
    """
    has_both = (column.codes >= 0) & (target >= 0)
    num_rows = int(has_both.sum())
    if num_rows < MIN_COMMON_SHARE * (target >= 0).sum():
        return "none"
    if column.num_distinct > MAX_DISTINCT_SHARE * num_rows:
        return "none"
    values = column.codes[has_both].astype("int64")
    targets = target[has_both]
    # Each pair of a value and a target value becomes one integer.
    pairs = values * (int(targets.max()) + 1) + targets
    num_pairs = len(np.unique(pairs))
    num_values = len(np.unique(values))
    num_targets = len(np.unique(targets))
    if num_pairs != num_values or num_targets < 2:
        return "none"
    if num_values == num_targets:
        return "one to one"
    return "many to one" if num_rows >= MIN_ROWS_PER_VALUE * num_values else "none"


def positive_only_value(column: ColumnProfile, y: Array) -> str:
    """Returns the value that only rows with label 1 hold, or "".

    The column has two distinct values. For example, a conversion is 1 only in rows with
    a click. By chance, n rows with the same value all have label 1 with the probability
    p^n, where p is the share of rows with label 1. The value is returned only if p^n is
    below `MAX_CHANCE`.
    """
    is_labelled = (column.codes >= 0) & ~np.isnan(y)
    positive_share = y[is_labelled].mean() if is_labelled.any() else 1.0
    if column.num_distinct != 2 or positive_share == 1:
        return ""
    for code, value in enumerate(column.values):
        labels = y[is_labelled & (column.codes == code)]
        if (
            len(labels) >= MIN_ROWS_PER_CLASS
            and labels.all()
            and positive_share ** len(labels) < MAX_CHANCE
        ):
            return str(value)
    return ""


def correlation(column: ColumnProfile, y: Array) -> float:
    """Returns the absolute correlation of a column with a label.

    Returns 0 if too few rows have a number and a label, or if all numbers or all labels
    are equal.
    """
    x = column.numbers_by_row()
    both_finite = np.isfinite(x) & np.isfinite(y)
    x, y = x[both_finite], y[both_finite]
    if len(x) < MIN_ROWS_PER_CLASS or np.ptp(x) == 0 or np.ptp(y) == 0:
        return 0.0
    return float(abs(np.corrcoef(x, y)[0, 1]))


def auc_of_column(column: ColumnProfile, y: Array) -> float:
    """Returns the AUC that a column alone reaches; 0.5 if too few rows have a label.

    Missing cells count as one more value. In a column of numbers, this value is below
    all numbers.
    """
    is_labelled = ~np.isnan(y)
    codes = column.codes[is_labelled] + 1  # 0 for a missing cell
    numbers = column.numbers
    if numbers is not None:
        numbers = np.concatenate(([-np.inf], numbers))
    auc = univariate_auc(y[is_labelled], codes, numbers)
    return 0.5 if auc is None else auc
