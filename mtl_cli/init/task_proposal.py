"""A proposal for one label column: a task of a kind that the column's values allow."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from mtl_cli.core.errors import DataError
from mtl_cli.core.message_text import counted
from mtl_cli.init.column_profile import Array, ColumnProfile
from mtl_cli.init.column_proposal import join_remarks
from mtl_cli.init.column_summary import missing_share, shorten
from mtl_cli.init.convertible_text import convertible_remark, thousands_warning
from mtl_cli.init.read_tables import MARKS
from mtl_cli.tasks.base import Task, task_class

MAX_CLASSES = 30
# Amounts with at least this share of zeros may be a task of kind `wlr` (weighted
# logistic regression) or `ziln` (zero-inflated lognormal).
MANY_ZEROS = 0.1
LONG_TAIL = 5  # the ratio of the quantile 0.99 to the median


@dataclass(frozen=True)
class TaskProposal:
    """The proposal for one label column.

    Attributes:
        keys: the task's keys in the YAML.
        remarks: {key: the comment beside the key in the YAML}.
        reason: the reason for the proposal, or a warning, for the terminal.
        y: each row's label as a number, NaN for a missing label, (rows,). The label of
            a multiclass task is the index of its class among the column's values.
    """

    keys: dict[str, Any]
    remarks: dict[str, str]
    reason: str
    y: Array

    @property
    def label(self) -> str:
        return str(self.keys["label"])

    @property
    def task_class(self) -> type[Task]:
        return task_class(self.keys["kind"])


def binary_of_zero_and_one(column: ColumnProfile) -> TaskProposal:
    """Returns a binary task for a column of 0 and 1, or of booleans."""
    y = column.numbers_by_row()
    if column.kind == "boolean":
        y = np.where(column.codes < 0, np.nan, column.has_value(["true"]))
    remark = f"{np.nanmean(y):.1%} of {labels_and_missing(column)} are 1"
    keys = {"label": column.name, "kind": "binary", "positive": None}
    return TaskProposal(keys, {"kind": remark}, remark, y)


def binary_of_values(
    column: ColumnProfile, positive: list[str], reason: str
) -> TaskProposal:
    """Returns a binary task whose label is 1 where a column holds a positive value.

    `reason` says why the values `positive` count as 1.
    """
    y = np.where(column.codes < 0, np.nan, column.has_value(positive))
    yaml_values = list(dict.fromkeys(yaml_value(column, value) for value in positive))
    keys: dict[str, Any] = {"label": column.name, "kind": "binary"}
    keys["positive"] = yaml_values[0] if len(yaml_values) == 1 else yaml_values
    remark = f"{np.nanmean(y):.1%} of {labels_and_missing(column)} are 1; {reason}"
    reason = f"1 is {', '.join(map(shorten, positive))}: {reason}"
    return TaskProposal(keys, {"positive": remark}, reason, y)


def multiclass(column: ColumnProfile) -> TaskProposal:
    """Returns a multiclass task with all values of a column as its classes."""
    count_by_value = column.most_frequent()
    classes = list({yaml_value(column, value) for value in count_by_value})
    # Numbers come first, then texts.
    classes.sort(key=lambda value: (isinstance(value, str), value))
    *_, (rarest, count) = count_by_value.items()  # the most frequent value comes first
    rarest_class = (
        f"the rarest class is {shorten(rarest)}, with {counted(count, 'row')}"
    )
    hint = "if the order of the classes counts, write ordinal"
    if column.numbers is not None:
        hint += "; if they are amounts, write regression (without classes)"
    elif remark := convertible_remark(column):
        hint = f"WARNING: {remark}"
    if marks := [value for value in count_by_value if value in MARKS.split()]:
        mark = f"if {marks[0]} means an unknown label, list it in csv.null_values"
        hint = f"{mark} and remove it from classes; {hint}"
    keys = {"label": column.name, "kind": "multiclass", "classes": classes}
    remarks = {"kind": hint, "classes": f"{labels_and_missing(column)}; {rarest_class}"}
    reason = f"{len(classes)} classes; {rarest_class}; {hint}"
    return TaskProposal(
        keys, remarks, reason, np.where(column.codes < 0, np.nan, column.codes)
    )


def regression(message_start: str, column: ColumnProfile) -> TaskProposal:
    """Returns a regression task with the transform `standard`.

    With `standard`, a model learns the mean of the labels, so R2 and RMSE are best.
    With the transform `log1p`, a model learns a value near the median of the labels:
    MAE is lower, but R2 is often below 0.

    Raises:
        DataError: if a label is infinite. The message begins with `message_start`.
    """
    y = column.numbers_by_row()
    labels = y[~np.isnan(y)]
    if not np.isfinite(labels).all():
        raise DataError(f"{message_start} holds infinite numbers; empty these cells")
    remark, reason = describe_amounts(labels, labels_and_missing(column))
    if warning := thousands_warning(column):
        remark = reason = f"WARNING: {warning}"
    remarks = {
        "kind": remark,
        "transform": "log1p learns a value near the median (lower MAE, lower R2)",
    }
    keys = {"label": column.name, "kind": "regression", "transform": "standard"}
    return TaskProposal(keys, remarks, reason, y)


def describe_amounts(labels: Array, label_count: str) -> tuple[str, str]:
    """Returns the comment on the kind of a task for amounts, and its `reason`.

    Args:
        labels: the labels that count, (labels,), without missing labels.
        label_count: a text such as "90 labels, 10.0% missing (not counted)".
    """
    median, high = np.quantile(labels, [0.5, 0.99])
    share_of_0 = (labels == 0).mean()
    hint = ""
    if len(np.unique(labels)) <= MAX_CLASSES:
        hint = "taken for amounts; if these are classes, write multiclass and classes"
    elif labels.min() >= 0 and share_of_0 >= MANY_ZEROS:
        hint = f"{share_of_0:.1%} are 0: wlr or ziln may fit better"
    elif labels.min() >= 0 and high > LONG_TAIL * median:
        hint = "the labels have a long tail: wlr may fit better"
    reason = f"numbers from {labels.min():.15g} to {labels.max():.15g}"
    return join_remarks(label_count, hint), join_remarks(reason, hint)


def labels_and_missing(column: ColumnProfile) -> str:
    """Returns a text such as "90 labels, 10.0% missing (not counted)"."""
    missing = f"{missing_share(column)} (not counted)" if column.num_missing else ""
    return f"{column.num_filled:,} labels{missing}"


def yaml_value(column: ColumnProfile, value: str) -> str | int:
    """Returns a label as written in the YAML: an int for a text such as 4 or 4.0."""
    if column.kind == "whole":
        return int(value)  # exact, where float(value) may be rounded
    is_whole = column.numbers is not None and float(value) % 1 == 0
    return int(float(value)) if is_whole else value
