"""Proposes what a label column is as a task."""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from mtl_cli.core.errors import DataError
from mtl_cli.init.column import Array, Column
from mtl_cli.init.feature_proposal import describe, missing, shorten

CLASSES = 30
YES = {"1", "true", "yes", "y", "t", "positive"}
NO = {"-1", "0", "false", "no", "n", "f", "negative"}


@dataclass(frozen=True)
class Label:
    """What is proposed for a label column.

    Attributes:
        task: the YAML's values.
        seen: what the column holds.
        remarks: why a key has its value, by key.
        y: the labels as numbers, a class as its place among the column's values; NaN
            where there is none: float64 (rows,).
    """

    task: dict[str, Any]
    seen: str
    remarks: dict[str, str]
    y: Array


def label_of(task: str, where: str, column: Column) -> Label:
    """Returns what is proposed for a label column.

    Args:
        task: its name.
        where: the argument that names it, for messages.
        column: that holds the labels.

    Raises:
        DataError: if it holds nothing that can be predicted.
    """
    where = f"{where}: column '{column.name}'"
    check_label(where, column)
    if column.is_binary:
        return zero_one(column)
    if column.distinct == 2:
        return binary(column, *positive_of_two(column))
    named = named_class(task, column) if column.kind == "text" else None
    if named is not None:
        return binary(column, named, f"named as the task, of {column.distinct} values")
    if column.kind == "decimal" or (column.is_number and column.distinct > CLASSES):
        return regression(where, column)
    if column.distinct > CLASSES:
        odd, cells = column.not_numbers()
        advice = f"up to {CLASSES} make classes; group them, or name another column"
        if len(odd) <= 5:
            advice = f"they are numbers but for {', '.join(odd)} in {cells} cells: "
            advice += "empty these"
        raise DataError(f"{where} holds {column.distinct:,} different texts; {advice}")
    return multiclass(column)


def check_label(where: str, column: Column) -> None:
    """Refuses a column that no label can be."""
    if column.kind == "empty":
        raise DataError(f"{where} is empty in all rows; a label needs two values")
    if column.kind in ("list", "time", "other"):
        held = {"list": "lists", "time": "times"}.get(column.kind, str(column.arrow))
        rule = "a label is a number, a word or a boolean"
        raise DataError(f"{where} holds {held}; {rule}")
    if column.distinct == 1:
        only = shorten(column.values[0].as_py())
        hint = "; write 0 into its empty cells" if column.missing else ""
        rule = f"a label needs two values{hint}"
        raise DataError(f"{where} holds nothing but '{only}'; {rule}")
    for word in column.most_frequent(CLASSES):
        if "${" in word:
            raise DataError(f"{where} holds '{word}'; configs cannot hold '${{'")


def zero_one(column: Column) -> Label:
    """Returns a task of a column of 0 and 1, or of booleans."""
    y = column.row_numbers()
    if column.kind == "boolean":
        true = np.array([word == "true" for word in column.values.to_pylist()])
        y = np.where(column.codes < 0, np.nan, true[column.codes])
    note = f"{np.nanmean(y):.1%} of {column.known:,} labels{masked(column)} are 1"
    task = {"label": column.name, "kind": "binary", "positive": None}
    return Label(task, describe(column), {"kind": note}, y)


def binary(column: Column, positive: str, why: str) -> Label:
    """Returns a task of whether a column holds a value."""
    y = column.codes == column.values.to_pylist().index(positive)
    y = np.where(column.codes < 0, np.nan, y)
    note = f"{np.nanmean(y):.1%} of {column.known:,} labels{masked(column)}; {why}"
    value = typed(column, positive)
    task = {"label": column.name, "kind": "binary", "positive": value}
    return Label(task, describe(column), {"positive": note}, y)


def positive_of_two(column: Column) -> tuple[str, str]:
    """Returns which of two values counts as 1, and why."""
    first, second = column.most_frequent(2)
    for one, other in ((first, second), (second, first)):
        if one.lower() in YES and other.lower() in NO:
            return one, f"the other value is {shorten(other)}"
    return second, f"the rarer value; the other is {shorten(first)}"


def named_class(task: str, column: Column) -> str | None:
    """Returns the value that a task is named after: never_married, Never-married."""
    wanted = re.sub(r"[\W_]", "", task).lower()
    for word in column.most_frequent(CLASSES):
        if re.sub(r"[\W_]", "", word).lower() == wanted:
            return word
    return None


def multiclass(column: Column) -> Label:
    """Returns a task of several classes."""
    classes = [typed(column, word) for word, _ in column.ordered()]
    classes.sort(key=lambda value: (isinstance(value, str), value))
    rarest, count = column.ordered()[-1]
    note = f"{column.known:,} labels{masked(column)}; the rarest class is "
    note += f"{shorten(rarest)}, {count:,} rows"
    remarks = {"classes": note}
    if column.is_number:
        remarks["kind"] = "or regression (without classes), if these are amounts"
    task = {"label": column.name, "kind": "multiclass", "classes": classes}
    y = np.where(column.codes < 0, np.nan, column.codes)
    return Label(task, describe(column), remarks, y)


def regression(where: str, column: Column) -> Label:
    """Returns a task of a number.

    It learns the mean, which R2 and RMSE ask for. A long tail invites `log1p`, whose
    mean of logarithms lies near the median: its R2 is often below 0.
    """
    y = column.row_numbers()
    known = y[~np.isnan(y)]
    if not np.isfinite(known).all():
        raise DataError(f"{where} holds infinite numbers; empty these cells")
    middle, high = np.quantile(known, [0.5, 0.99])
    long_tail = known.min() >= 0 and high > 20 * max(middle, 1e-12)
    why = "trained on mean 0, deviation 1; predictions keep the label's unit"
    if long_tail:
        why = (
            f"1 % lie above {high:g}, half above {middle:g}: log1p would learn a "
            "middle, not the mean: lower MAE, lower R2"
        )
    note = f"{column.known:,} labels{masked(column)}"
    remarks = {"kind": note, "transform": why}
    task = {"label": column.name, "kind": "regression", "transform": "standard"}
    return Label(task, describe(column), remarks, y)


def masked(column: Column) -> str:
    """Returns what share of labels is missing, "" if none is."""
    return f"{missing(column)} (not counted)" if column.missing else ""


def typed(column: Column, word: str) -> str | int:
    """Returns a label's value as YAML should hold it."""
    number = column.is_number and float(word) % 1 == 0
    return int(float(word)) if number else word
