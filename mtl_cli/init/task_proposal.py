"""A proposal for one label column: a task of the kind that its values allow."""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from mtl_cli.core.errors import DataError
from mtl_cli.init.column_profile import Array, ColumnProfile
from mtl_cli.init.column_summary import missing_share, shorten, summarize
from mtl_cli.tasks.base import Task, task_class

MAX_CLASSES = 30
YES = {"1", "true", "yes", "y", "t", "positive"}
NO = {"-1", "0", "false", "no", "n", "f", "negative"}


@dataclass(frozen=True)
class TaskProposal:
    """The proposal for one label column.

    Attributes:
        keys: the task's keys in the YAML.
        summary: what the column holds.
        remarks: {key: the reason for its value, or a hint}.
        y: each row's label as a number, NaN for a missing label, (rows,). The label of
            a multiclass task is the index of its class among the column's values.
    """

    keys: dict[str, Any]
    summary: str
    remarks: dict[str, str]
    y: Array

    @property
    def label(self) -> str:
        """The name of the label column."""
        return str(self.keys["label"])

    @property
    def kind(self) -> str:
        """The kind of the task."""
        return str(self.keys["kind"])

    @property
    def task_class(self) -> type[Task]:
        """The class of the task's kind."""
        return task_class(self.kind)


def propose_task(task: str, argument: str, column: ColumnProfile) -> TaskProposal:
    """Returns the proposal for a label column.

    Args:
        task: the name of the task.
        argument: the argument of the command line that names the column.
        column: the profile of the label column.

    Raises:
        DataError: if the column holds nothing that can be predicted.
    """
    message_start = f"{argument}: column '{column.name}'"
    check_label(message_start, column)
    if column.is_binary:
        return binary_of_zero_and_one(column)
    if column.num_distinct == 2:
        return binary_of_value(column, *positive_of_two(column))
    for value in column.most_frequent(MAX_CLASSES):
        # The task never_married is named after the value Never-married.
        task_name, value_name = (re.sub(r"[\W_]", "", x).lower() for x in (task, value))
        if column.kind == "text" and value_name == task_name:
            reason = f"named as the task, of {column.num_distinct} values"
            return binary_of_value(column, value, reason)
    too_many = column.num_distinct > MAX_CLASSES
    if column.kind == "decimal" or (column.numbers is not None and too_many):
        return regression(message_start, column)
    if too_many:
        values, num_cells = column.non_numbers()
        fix = f"up to {MAX_CLASSES} make classes; group them, or name another column"
        if len(values) <= 5:
            fix = f"they are numbers but for {', '.join(values)} in {num_cells} cells: "
            fix += "empty these"
        raise DataError(
            f"{message_start} holds {column.num_distinct:,} different texts; {fix}"
        )
    return multiclass(column)


def check_label(message_start: str, column: ColumnProfile) -> None:
    """Refuses a column that cannot hold labels."""
    if column.kind == "empty":
        raise DataError(
            f"{message_start} is empty in all rows; a label needs two values"
        )
    if column.kind in ("list", "time", "other"):
        plurals = {"list": "lists", "time": "times"}
        values = plurals.get(column.kind, str(column.arrow_type))
        rule = "a label is a number, a word or a boolean"
        raise DataError(f"{message_start} holds {values}; {rule}")
    if column.num_distinct == 1:
        value = shorten(column.values[0].as_py())
        hint = "; write 0 into its empty cells" if column.num_missing else ""
        rule = f"a label needs two values{hint}"
        raise DataError(f"{message_start} holds nothing but '{value}'; {rule}")
    for value in column.most_frequent(MAX_CLASSES):
        if "${" in value:
            raise DataError(
                f"{message_start} holds '{value}'; configs cannot hold '${{'"
            )


def binary_of_zero_and_one(column: ColumnProfile) -> TaskProposal:
    """Returns a binary task for a column of 0 and 1, or of booleans."""
    y = column.numbers_by_row()
    if column.kind == "boolean":
        is_true = np.array([value == "true" for value in column.values.to_pylist()])
        y = np.where(column.codes < 0, np.nan, is_true[column.codes])
    remark = f"{np.nanmean(y):.1%} of {labels_and_missing(column)} are 1"
    keys = {"label": column.name, "kind": "binary", "positive": None}
    return TaskProposal(keys, summarize(column), {"kind": remark}, y)


def binary_of_value(column: ColumnProfile, positive: str, reason: str) -> TaskProposal:
    """Returns a binary task whose label is 1 where a column holds one of its values.

    Args:
        column: the profile of the label column.
        positive: the value that counts as 1.
        reason: why this value was chosen, for the remark.
    """
    y = column.codes == column.values.to_pylist().index(positive)
    y = np.where(column.codes < 0, np.nan, y)
    remark = f"{np.nanmean(y):.1%} of {labels_and_missing(column)}; {reason}"
    value = yaml_value(column, positive)
    keys = {"label": column.name, "kind": "binary", "positive": value}
    return TaskProposal(keys, summarize(column), {"positive": remark}, y)


def positive_of_two(column: ColumnProfile) -> tuple[str, str]:
    """Returns which of a column's two values is positive, and the reason.

    Of "yes" and "no" and similar pairs, "yes" is positive; otherwise the rarer value.
    """
    frequent, rare = column.most_frequent()
    for positive, negative in ((frequent, rare), (rare, frequent)):
        if positive.lower() in YES and negative.lower() in NO:
            return positive, f"the other value is {shorten(negative)}"
    return rare, f"the rarer value; the other is {shorten(frequent)}"


def multiclass(column: ColumnProfile) -> TaskProposal:
    """Returns a task of several classes."""
    counts = column.most_frequent()
    classes = [yaml_value(column, value) for value in counts]
    classes.sort(key=lambda value: (isinstance(value, str), value))
    *_, (rarest, count) = counts.items()
    rarest_class = f"the rarest class is {shorten(rarest)}, {count:,} rows"
    remarks = {"classes": f"{labels_and_missing(column)}; {rarest_class}"}
    if column.numbers is not None:
        remarks["kind"] = "or regression (without classes), if these are amounts"
    keys = {"label": column.name, "kind": "multiclass", "classes": classes}
    y = np.where(column.codes < 0, np.nan, column.codes)
    return TaskProposal(keys, summarize(column), remarks, y)


def regression(message_start: str, column: ColumnProfile) -> TaskProposal:
    """Returns a regression task.

    The transform is always `standard`, which learns the mean of the labels: the mean
    has the best R2 and RMSE. For labels with a long tail a remark names `log1p`, which
    learns the mean of logarithms. This lies near the median: its MAE is lower, but its
    R2 is often below 0.
    """
    y = column.numbers_by_row()
    labels = y[~np.isnan(y)]
    if not np.isfinite(labels).all():
        raise DataError(f"{message_start} holds infinite numbers; empty these cells")
    median, high = np.quantile(labels, [0.5, 0.99])
    reason = "trained on mean 0, deviation 1; predictions keep the label's unit"
    if labels.min() >= 0 and high > 20 * max(median, 1e-12):
        reason = (
            f"1 % lie above {high:g}, half above {median:g}: log1p would learn a "
            "middle, not the mean: lower MAE, lower R2"
        )
    remarks = {"kind": labels_and_missing(column), "transform": reason}
    keys = {"label": column.name, "kind": "regression", "transform": "standard"}
    return TaskProposal(keys, summarize(column), remarks, y)


def labels_and_missing(column: ColumnProfile) -> str:
    """Returns the number of labels and the share of missing ones.

    For example "90 labels, 10.0% missing (not counted)".
    """
    missing = f"{missing_share(column)} (not counted)" if column.num_missing else ""
    return f"{column.num_filled:,} labels{missing}"


def yaml_value(column: ColumnProfile, value: str) -> str | int:
    """Returns a label's value as the YAML should hold it: whole numbers as numbers."""
    if column.kind == "whole":
        return int(value)
    is_whole = column.numbers is not None and float(value) % 1 == 0
    return int(float(value)) if is_whole else value
