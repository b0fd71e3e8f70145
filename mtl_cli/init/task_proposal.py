"""A proposal for one label column: a task of the kind that its values allow."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from mtl_cli.core.errors import DataError
from mtl_cli.init.column_profile import Array, ColumnProfile
from mtl_cli.init.column_summary import missing_share, shorten
from mtl_cli.tasks.base import Task, task_class

MAX_CLASSES = 30
MANY_ZEROS = 0.1  # from this share of zeros on, amounts may be a task of kind ziln
# Amounts of which 1 % exceed the median this many times may be a task of kind wlr.
LONG_TAIL = 5


@dataclass(frozen=True)
class TaskProposal:
    """The proposal for one label column.

    Attributes:
        keys: the task's keys in the YAML.
        remarks: {key: the comment beside it in the YAML}.
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
        """The name of the label column."""
        return str(self.keys["label"])

    @property
    def task_class(self) -> type[Task]:
        """The class of the task's kind."""
        return task_class(self.keys["kind"])


def binary_of_zero_and_one(column: ColumnProfile) -> TaskProposal:
    """Returns a binary task for a column of 0 and 1, or of booleans."""
    y = column.numbers_by_row()
    if column.kind == "boolean":
        is_true = np.array([value == "true" for value in column.values.to_pylist()])
        y = np.where(column.codes < 0, np.nan, is_true[column.codes])
    remark = f"{np.nanmean(y):.1%} of {labels_and_missing(column)} are 1"
    keys = {"label": column.name, "kind": "binary", "positive": None}
    return TaskProposal(keys, {"kind": remark}, remark, y)


def binary_of_values(
    column: ColumnProfile, positive: list[str], reason: str = "", warning: str = ""
) -> TaskProposal:
    """Returns a binary task whose label is 1 where a column holds a positive value.

    Args:
        column: the label column.
        positive: the values that count as 1.
        reason: why these values count as 1.
        warning: what may be wrong with the other values, in place of a reason.
    """
    values = column.values.to_pylist()
    y = np.isin(column.codes, [values.index(value) for value in positive])
    y = np.where(column.codes < 0, np.nan, y)
    yaml_values = list(dict.fromkeys(yaml_value(column, value) for value in positive))
    keys: dict[str, Any] = {"label": column.name, "kind": "binary"}
    keys |= {"positive": yaml_values[0] if len(yaml_values) == 1 else yaml_values}
    note = f"WARNING: {warning}" if warning else reason
    remark = f"{np.nanmean(y):.1%} of {labels_and_missing(column)}; {note}"
    if reason:
        note = f"1 is {', '.join(map(shorten, positive))}: {reason}"
    return TaskProposal(keys, {"positive": remark}, note, y)


def multiclass(column: ColumnProfile) -> TaskProposal:
    """Returns a multiclass task with all values of a column as its classes."""
    counts = column.most_frequent()
    classes = list({yaml_value(column, value) for value in counts})
    classes.sort(key=lambda value: (isinstance(value, str), value))
    rarest, count = list(counts.items())[-1]  # the most frequent value comes first
    rarest_class = f"the rarest class is {shorten(rarest)}, {count:,} rows"
    remarks = {"classes": f"{labels_and_missing(column)}; {rarest_class}"}
    reason = f"{len(classes)} classes; {rarest_class}"
    if column.numbers is not None:
        remarks["kind"] = "or regression (without classes), if these are amounts"
        remarks["kind"] += "; or ordinal, if the order of the classes counts"
        reason += f"; {remarks['kind']}"
    keys = {"label": column.name, "kind": "multiclass", "classes": classes}
    y = np.where(column.codes < 0, np.nan, column.codes)
    return TaskProposal(keys, remarks, reason, y)


def regression(message_start: str, column: ColumnProfile) -> TaskProposal:
    """Returns a regression task with the transform `standard`.

    With `standard`, a model learns the mean of the labels, so R2 and RMSE are best. For
    labels with a very long tail, a remark also names the transform `log1p`. With
    `log1p`, a model learns a value near the median of the labels: MAE is lower, but R2
    is often below 0. For amounts, remarks name the kinds `wlr` and `ziln`.

    Raises:
        DataError: if a label is infinite. The message begins with `message_start`.
    """
    y = column.numbers_by_row()
    labels = y[~np.isnan(y)]
    if not np.isfinite(labels).all():
        raise DataError(f"{message_start} holds infinite numbers; empty these cells")
    remarks, message = describe_amounts(labels, labels_and_missing(column))
    keys = {"label": column.name, "kind": "regression", "transform": "standard"}
    return TaskProposal(keys, remarks, message, y)


def describe_amounts(labels: Array, label_count: str) -> tuple[dict[str, str], str]:
    """Describes the labels of a regression: the remarks, and the reason for the task.

    Args:
        labels: the labels that count, (labels,), without missing labels.
        label_count: their number in words.
    """
    median, high = np.quantile(labels, [0.5, 0.99])
    reason = "trained on mean 0, deviation 1; predictions keep the label's unit"
    if labels.min() >= 0 and high > 20 * max(median, 1e-12):
        reason = (
            f"1 % lie above {high:g}, half above {median:g}: log1p would learn a "
            "value near the median, not the mean: lower MAE, lower R2"
        )
    remarks = {"kind": label_count, "transform": reason}
    message = f"numbers from {labels.min():.15g} to {labels.max():.15g}"
    if len(np.unique(labels)) <= MAX_CLASSES:
        hint = "taken for amounts; or multiclass with classes: [...]"
        remarks["kind"] += f"; {hint}"
        message += f"; {hint}"
    elif labels.min() >= 0:
        share_of_0 = (labels == 0).mean()
        if share_of_0 >= MANY_ZEROS:
            remarks["kind"] += f"; {share_of_0:.1%} are 0: or wlr or ziln"
        elif high > LONG_TAIL * median:
            remarks["kind"] += "; amounts with a long tail: or wlr"
    return remarks, message


def labels_and_missing(column: ColumnProfile) -> str:
    """Returns the number of labels and the share of missing labels.

    For example "90 labels, 10.0% missing (not counted)".
    """
    missing = f"{missing_share(column)} (not counted)" if column.num_missing else ""
    return f"{column.num_filled:,} labels{missing}"


def yaml_value(column: ColumnProfile, value: str) -> str | int:
    """Converts a label from text to its value in the YAML: whole numbers to int."""
    if column.kind == "whole":
        return int(value)
    is_whole = column.numbers is not None and float(value) % 1 == 0
    return int(float(value)) if is_whole else value
