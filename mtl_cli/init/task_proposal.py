"""A proposal for one label column: a task of the kind that its values allow."""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from mtl_cli.core.errors import DataError
from mtl_cli.init.column_profile import Array, ColumnProfile
from mtl_cli.init.feature_proposal import missing_share, shorten, summarize
from mtl_cli.tasks.base import Task, kind_of_task

MAX_CLASSES = 30
YES = {"1", "true", "yes", "y", "t", "positive"}
NO = {"-1", "0", "false", "no", "n", "f", "negative"}


@dataclass(frozen=True)
class TaskProposal:
    """The proposal for one label column.

    Attributes:
        keys: the task's keys in the YAML.
        summary: what the column holds.
        remarks: {key: why it has its value}.
        y: the labels as numbers, a class as its index among the column's values, NaN
            for a missing label: float64 (rows,).
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
        return kind_of_task(self.kind)


def propose_task(task: str, argument: str, column: ColumnProfile) -> TaskProposal:
    """Returns the proposal for the label column that an argument names.

    Raises:
        DataError: if the column holds nothing that can be predicted.
    """
    where = f"{argument}: column '{column.name}'"
    check_label(where, column)
    if column.is_binary:
        return zero_or_one(column)
    if column.distinct == 2:
        return one_value(column, *positive_of_two(column))
    for value in column.most_frequent(MAX_CLASSES):
        # The task never_married is named after the value Never-married.
        task_name, value_name = (re.sub(r"[\W_]", "", x).lower() for x in (task, value))
        if column.kind == "text" and value_name == task_name:
            reason = f"named as the task, of {column.distinct} values"
            return one_value(column, value, reason)
    many = column.distinct > MAX_CLASSES
    if column.kind == "decimal" or (column.numbers is not None and many):
        return regression(where, column)
    if many:
        values, cells = column.non_numbers()
        fix = f"up to {MAX_CLASSES} make classes; group them, or name another column"
        if len(values) <= 5:
            fix = f"they are numbers but for {', '.join(values)} in {cells} cells: "
            fix += "empty these"
        raise DataError(f"{where} holds {column.distinct:,} different texts; {fix}")
    return multiclass(column)


def check_label(where: str, column: ColumnProfile) -> None:
    """Refuses a column that cannot hold labels."""
    if column.kind == "empty":
        raise DataError(f"{where} is empty in all rows; a label needs two values")
    if column.kind in ("list", "time", "other"):
        plurals = {"list": "lists", "time": "times"}
        values = plurals.get(column.kind, str(column.arrow_type))
        rule = "a label is a number, a word or a boolean"
        raise DataError(f"{where} holds {values}; {rule}")
    if column.distinct == 1:
        value = shorten(column.values[0].as_py())
        hint = "; write 0 into its empty cells" if column.missing else ""
        rule = f"a label needs two values{hint}"
        raise DataError(f"{where} holds nothing but '{value}'; {rule}")
    for value in column.most_frequent(MAX_CLASSES):
        if "${" in value:
            raise DataError(f"{where} holds '{value}'; configs cannot hold '${{'")


def zero_or_one(column: ColumnProfile) -> TaskProposal:
    """Returns a binary task for a column of 0 and 1, or of booleans."""
    y = column.numbers_by_row()
    if column.kind == "boolean":
        true = np.array([value == "true" for value in column.values.to_pylist()])
        y = np.where(column.codes < 0, np.nan, true[column.codes])
    remark = f"{np.nanmean(y):.1%} of {num_labels(column)} are 1"
    keys = {"label": column.name, "kind": "binary", "positive": None}
    return TaskProposal(keys, summarize(column), {"kind": remark}, y)


def one_value(column: ColumnProfile, positive: str, reason: str) -> TaskProposal:
    """Returns a binary task for whether a column holds its positive value."""
    y = column.codes == column.values.to_pylist().index(positive)
    y = np.where(column.codes < 0, np.nan, y)
    remark = f"{np.nanmean(y):.1%} of {num_labels(column)}; {reason}"
    value = yaml_value(column, positive)
    keys = {"label": column.name, "kind": "binary", "positive": value}
    return TaskProposal(keys, summarize(column), {"positive": remark}, y)


def positive_of_two(column: ColumnProfile) -> tuple[str, str]:
    """Returns the positive one of a column's two values, and why it is."""
    frequent, rare = column.most_frequent()
    for value, other in ((frequent, rare), (rare, frequent)):
        if value.lower() in YES and other.lower() in NO:
            return value, f"the other value is {shorten(other)}"
    return rare, f"the rarer value; the other is {shorten(frequent)}"


def multiclass(column: ColumnProfile) -> TaskProposal:
    """Returns a task of several classes."""
    counts = column.most_frequent()
    classes = [yaml_value(column, value) for value in counts]
    classes.sort(key=lambda value: (isinstance(value, str), value))
    *_, (rarest, count) = counts.items()
    remark = (
        f"{num_labels(column)}; the rarest class is {shorten(rarest)}, {count:,} rows"
    )
    remarks = {"classes": remark}
    if column.numbers is not None:
        remarks["kind"] = "or regression (without classes), if these are amounts"
    keys = {"label": column.name, "kind": "multiclass", "classes": classes}
    y = np.where(column.codes < 0, np.nan, column.codes)
    return TaskProposal(keys, summarize(column), remarks, y)


def regression(where: str, column: ColumnProfile) -> TaskProposal:
    """Returns a regression task.

    The transform `standard` learns the mean, which R2 and RMSE ask for. For a long tail
    the mean of logarithms that `log1p` learns lies near the median, and its R2 is often
    below 0.
    """
    y = column.numbers_by_row()
    labels = y[~np.isnan(y)]
    if not np.isfinite(labels).all():
        raise DataError(f"{where} holds infinite numbers; empty these cells")
    median, high = np.quantile(labels, [0.5, 0.99])
    reason = "trained on mean 0, deviation 1; predictions keep the label's unit"
    if labels.min() >= 0 and high > 20 * max(median, 1e-12):
        reason = (
            f"1 % lie above {high:g}, half above {median:g}: log1p would learn a "
            "middle, not the mean: lower MAE, lower R2"
        )
    remarks = {"kind": num_labels(column), "transform": reason}
    keys = {"label": column.name, "kind": "regression", "transform": "standard"}
    return TaskProposal(keys, summarize(column), remarks, y)


def num_labels(column: ColumnProfile) -> str:
    """Returns the number of labels, and the share of rows without a label."""
    missing = f"{missing_share(column)} (not counted)" if column.missing else ""
    return f"{column.filled:,} labels{missing}"


def yaml_value(column: ColumnProfile, value: str) -> str | int:
    """Returns a label's value as the YAML should hold it."""
    is_whole = column.numbers is not None and float(value) % 1 == 0
    return int(float(value)) if is_whole else value
