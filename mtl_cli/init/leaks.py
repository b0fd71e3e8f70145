"""Finds columns that give a label away, or that say the same as another column."""

from dataclasses import replace
from typing import Literal

import numpy as np

from mtl_cli.data.univariate_auc import (
    MIN_ROWS_PER_CLASS,
    SUSPICIOUS_AUC,
    univariate_auc,
)
from mtl_cli.init.column_profile import Array, ColumnProfile
from mtl_cli.init.feature_proposal import FeatureProposal, join_remarks, leave_out
from mtl_cli.init.name_hints import is_outcome
from mtl_cli.init.task_proposal import TaskProposal

Dependence = Literal["one to one", "many to one", "none"]


def mark_leak(
    proposal: FeatureProposal,
    tasks: dict[str, TaskProposal],
    columns: dict[str, ColumnProfile],
) -> FeatureProposal:
    """Leaves out a feature that is a label in other words, or warns of one near to it.

    The tasks are given by their names, the profiles of all columns by theirs.
    """
    column = proposal.column
    if not proposal.is_feature or column.kind == "list":
        return proposal
    for name, task in tasks.items():
        dependence = dependence_on(column, columns[task.label].codes)
        strength, measure = 0.0, "AUC"
        if task.task_class.BINARY_LABELS:
            classes = np.where(np.isnan(task.y), -1, task.y).astype("int64")
            if dependence_on(column, classes) == "one to one":
                dependence = "one to one"
            strength = auc_of_column(column, task.y)
        elif not task.task_class.HAS_CLASSES:
            strength, measure = correlation(column, task.y), "correlation"
            dependence = "one to one" if strength > 1 - 1e-9 else "none"
        if dependence == "one to one":
            remark = f"would give the answer away: {name} in other words"
            return leave_out(column, remark, proposal.keys)
        if strength > SUSPICIOUS_AUC:
            problem = f"alone predicts {name}, {measure} {strength:.4f}"
            return proposal.with_warning(problem)
        if task.task_class.BINARY_LABELS:
            if value := positive_only_value(column, task.y):
                return proposal.with_warning(f"is {value} only where {name} is 1")
        elif dependence == "many to one":
            return proposal.with_warning(f"each value goes with one class of {name}")
    return proposal


def mark_outcome(proposal: FeatureProposal) -> FeatureProposal:
    """Asks whether a feature named as an outcome is known before the prediction."""
    name = proposal.column.name
    if not proposal.is_feature or proposal.remark or not is_outcome(name):
        return proposal
    return replace(proposal, remark="known before the prediction? If not, remove it")


def mark_copies(proposals: list[FeatureProposal]) -> list[FeatureProposal]:
    """Adds a remark to each feature that says the same as a feature before it."""
    first_with: dict[bytes, FeatureProposal] = {}
    marked = []
    for proposal in proposals:
        column = proposal.column
        if proposal.is_feature and column.kind != "list" and column.distinct > 2:
            frequencies = np.sort(column.counts).tobytes()
            first = first_with.setdefault(frequencies, proposal)
            if first is not proposal and (
                dependence_on(column, first.column.codes) == "one to one"
            ):
                remark = f"says the same as {first.column.name}"
                remark = join_remarks(proposal.remark, remark)
                proposal = replace(proposal, remark=remark)
        marked.append(proposal)
    return marked


def dependence_on(column: ColumnProfile, target: Array) -> Dependence:
    """Returns how the values of a target column follow from the values of a column.

    `one to one`: each value of either goes with one value of the other. `many to one`:
    each value of the column, in 10 rows or more on average, goes with one target value.
    Values that hardly come twice show nothing.

    Args:
        column: the profile of a column.
        target: the index of each row's target value, -1 for a missing value, (rows,).
    """
    both = (column.codes >= 0) & (target >= 0)
    rows = int(both.sum())
    if rows < 0.5 * (target >= 0).sum() or column.distinct > 0.5 * rows:
        return "none"
    values, targets = column.codes[both].astype("int64"), target[both]
    num_pairs = len(np.unique(values * (int(targets.max()) + 1) + targets))
    num_values, num_targets = len(np.unique(values)), len(np.unique(targets))
    if num_pairs != num_values or num_targets < 2:
        return "none"
    if num_values == num_targets:
        return "one to one"
    return "many to one" if rows >= 10 * num_values else "none"


def positive_only_value(column: ColumnProfile, y: Array) -> str:
    """Returns which of a column's two values only positive rows have; "" if none.

    A conversion that follows a click has such a value. By chance, all rows with a value
    would be positive in one table of a million.
    """
    labelled = (column.codes >= 0) & ~np.isnan(y)
    rate = y[labelled].mean() if labelled.any() else 1.0
    if column.distinct != 2 or rate == 1:
        return ""
    for code, value in enumerate(column.values):
        labels = y[labelled & (column.codes == code)]
        if (
            len(labels) >= MIN_ROWS_PER_CLASS
            and labels.all()
            and rate ** len(labels) < 1e-6
        ):
            return str(value)
    return ""


def correlation(column: ColumnProfile, y: Array) -> float:
    """Returns how well a numeric column predicts a regression's label, 0 to 1."""
    x = column.numbers_by_row()
    finite = np.isfinite(x) & np.isfinite(y)
    x, y = x[finite], y[finite]
    if len(x) < MIN_ROWS_PER_CLASS or np.ptp(x) == 0 or np.ptp(y) == 0:
        return 0.0
    return float(abs(np.corrcoef(x, y)[0, 1]))


def auc_of_column(column: ColumnProfile, y: Array) -> float:
    """Returns the AUC that a column alone reaches, 0.5 for too few rows with a label.

    A missing value is a value too, below all numbers.
    """
    labelled = ~np.isnan(y)
    numbers = column.numbers
    if numbers is not None:
        numbers = np.concatenate(([-np.inf], numbers))
    auc = univariate_auc(y[labelled], column.codes[labelled] + 1, numbers)
    return 0.5 if auc is None else auc
