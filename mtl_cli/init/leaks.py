"""Leaves out columns that give a label away, or warns of them.

`self_check` leaves out copies of a label, because `mtl-train` refuses them.
"""

from dataclasses import replace

import numpy as np
from scipy.special import bdtr

from mtl_cli.data.univariate_auc import (
    MIN_ROWS_PER_CLASS,
    SUSPICIOUS_AUC,
    univariate_auc,
)
from mtl_cli.init.column_profile import Array, ColumnProfile
from mtl_cli.init.column_proposal import ColumnProposal, join_remarks
from mtl_cli.init.task_proposal import TaskProposal

HIGH_AUC = 0.95  # features that are known before the prediction seldom reach it
MAX_CHANCE = 1e-6  # the largest probability that a leak is found by chance
# The largest number of errors in the data, as a share of the number by chance.
MAX_EXCEPTIONS = 0.02
# The smallest mean number of rows per value. With fewer rows, each value may occur with
# a single label by chance.
MIN_ROWS_PER_VALUE = 10
# At least this share of the rows with a label must also have a value in the column.
MIN_COMMON_SHARE = 0.5


def mark_leak(
    proposal: ColumnProposal,
    tasks: dict[str, TaskProposal],
    columns: dict[str, ColumnProfile],
) -> ColumnProposal:
    """Gives a feature that alone predicts a binary label the role of a leak.

    Weaker signs give the feature a warning. Lists are not looked at. `columns` are all
    columns of the table by name.
    """
    column = proposal.column
    if not proposal.is_feature or column.kind == "list":
        return proposal
    aucs = {name: auc_of_column(column, task) for name, task in tasks.items()}
    for name, auc in aucs.items():
        if auc > SUSPICIOUS_AUC:
            warning = (
                f"the column alone predicts {name} with AUC {auc:.4f}, as columns do "
                "that are filled after the label"
            )
            remark = (
                "if the column is known before the prediction, remove the # before its "
                "line in the YAML"
            )
            return replace(proposal, role="leak", warning=warning, remark=remark)
    for name, task in tasks.items():
        label_codes = columns[task.label].codes
        if sign := sign_of_leak(column, name, task, label_codes, aucs[name]):
            warning = (
                f"the column {sign}; is the column known before the prediction? If "
                "not, remove the feature"
            )
            return replace(proposal, warning=join_remarks(warning, proposal.warning))
    return proposal


def keep_leak(proposal: ColumnProposal) -> ColumnProposal:
    """Makes a feature of a leak, for a table that has no other features."""
    if proposal.role != "leak":
        return proposal
    remark = "if the column is not known before the prediction, remove the feature"
    return replace(proposal, role="feature", remark=remark)


def sign_of_leak(
    column: ColumnProfile, name: str, task: TaskProposal, label_codes: Array, auc: float
) -> str:
    """Describes a sign that a column is known only after the label; "" without a sign.

    For example "is 1 only where click is 1". `name` is the name of the task, and `auc`
    the result of `auc_of_column`.
    """
    if task.task_class.BINARY_LABELS:
        if other := positive_only_values(column, task.y):
            return f"{other} only where {name} is 1 (with few exceptions or none)"
        return f"alone predicts {name} with AUC {auc:.4f}" if auc > HIGH_AUC else ""
    if task.task_class.HAS_CLASSES:
        if determines(column, label_codes):
            return f"determines {name}: each of its values occurs with one class only"
        return ""
    strength = correlation(column, task.y)
    if strength > SUSPICIOUS_AUC:
        return f"alone predicts {name} with correlation {strength:.4f}"
    return ""


def positive_only_values(column: ColumnProfile, y: Array) -> str:
    """Describes the values of a column that only rows with label 1 hold.

    For example, if the label is a click, a conversion "is 1" only in rows with label 1,
    a dwell time "is not 0", and the time of the click "is filled". A few such rows may
    have label 0, as errors in the data. Returns "" without such values, or if chance
    may explain them.
    """
    is_labelled = ~np.isnan(y)
    if not is_labelled.any():
        return ""
    codes, y = column.codes[is_labelled], y[is_labelled]

    def have_label_1(rows: Array) -> bool:
        labels, share_of_0 = y[rows], 1 - y.mean()
        num_exceptions = int((labels == 0).sum())
        max_exceptions = MAX_EXCEPTIONS * share_of_0 * len(labels)
        if len(labels) < MIN_ROWS_PER_CLASS or num_exceptions > max_exceptions:
            return False
        return bool(bdtr(num_exceptions, len(labels), share_of_0) < MAX_CHANCE)

    if column.num_missing and have_label_1(codes >= 0):
        return "is filled"
    if column.num_distinct == 2:
        for code, value in enumerate(column.values):
            if have_label_1(codes == code):
                return f"is {value}"
    most_frequent = int(np.argmax(column.counts))
    if have_label_1((codes >= 0) & (codes != most_frequent)):
        return f"is not {column.values[most_frequent]}"
    return ""


def determines(column: ColumnProfile, label_codes: Array) -> bool:
    """Whether each value of a column occurs with one label only, and not by chance.

    `label_codes` are the `codes` of the label column, see `ColumnProfile`.
    """
    has_both = (column.codes >= 0) & (label_codes >= 0)
    num_rows = has_both.sum()
    num_pairs, num_values, num_labels = num_distinct_pairs(
        column.codes[has_both], label_codes[has_both]
    )
    return bool(
        num_pairs == num_values
        and num_labels > 1
        and num_rows >= MIN_ROWS_PER_VALUE * num_values
        and num_rows >= MIN_COMMON_SHARE * (label_codes >= 0).sum()
    )


def num_distinct_pairs(first: Array, second: Array) -> tuple[int, int, int]:
    """Returns the numbers of distinct pairs, of distinct `first` and of `second`.

    Both arrays hold whole numbers from 0, (rows,).
    """
    pairs = first.astype("int64") * (int(second.max(initial=0)) + 1) + second
    return len(np.unique(pairs)), len(np.unique(first)), len(np.unique(second))


def correlation(column: ColumnProfile, y: Array) -> float:
    """Returns the absolute correlation of a column with a label; 0 if it is unknown."""
    x = column.numbers_by_row()
    both_finite = np.isfinite(x) & np.isfinite(y)
    x, y = x[both_finite], y[both_finite]
    if len(x) < MIN_ROWS_PER_CLASS or np.ptp(x) == 0 or np.ptp(y) == 0:
        return 0.0
    return float(abs(np.corrcoef(x, y)[0, 1]))


def auc_of_column(column: ColumnProfile, task: TaskProposal) -> float:
    """Returns the AUC that a column alone reaches on the labels of a task.

    Returns 0.5 if the labels are not binary, or if too few rows have a label. Missing
    cells count as one more value: in a column of numbers, as minus infinity.
    """
    if not task.task_class.BINARY_LABELS:
        return 0.5
    is_labelled = ~np.isnan(task.y)
    codes = column.codes[is_labelled] + 1  # 0 for a missing cell
    numbers = column.numbers
    if numbers is not None:
        numbers = np.concatenate(([-np.inf], numbers))
    return univariate_auc(task.y[is_labelled], codes, numbers) or 0.5
