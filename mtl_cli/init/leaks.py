"""Finds columns that give a label away, or that say the same as another."""

from dataclasses import replace

import numpy as np

from mtl_cli.data.univariate_auc import ENOUGH, TELLING, auc_alone
from mtl_cli.init.column import Array, Column
from mtl_cli.init.feature_proposal import Choice, left_out
from mtl_cli.init.labels import Label
from mtl_cli.init.names import is_outcome


def look_for_leaks(
    choice: Choice, labels: dict[str, Label], columns: dict[str, Column]
) -> Choice:
    """Returns a choice that leaves out, or warns of, what gives a label away.

    Args:
        choice: for a column that is no label.
        labels: by task.
        columns: of the table, by name.
    """
    column = choice.column
    if choice.role != "feature" or column.kind == "list":
        return choice
    for task, label in labels.items():
        kind = label.task["kind"]
        how = tells(column, columns[label.task["label"]].codes)
        near, measure = 0.0, "AUC"
        if kind == "binary":
            classes = np.where(np.isnan(label.y), -1, label.y).astype("int64")
            how = "renames" if "renames" in (how, tells(column, classes)) else how
            near = auc_of_column(column, label.y)
        elif kind == "regression":
            near, measure = correlation(column, label.y), "correlation"
            how = "renames" if near > 1 - 1e-9 else ""
        if how == "renames":
            remark = f"would give the answer away: {task} in other words"
            return left_out(column, remark, choice.feature)
        if near > TELLING:
            return warn(choice, f"alone predicts {task}, {measure} {near:.4f}")
        if kind == "binary" and (value := implies(column, label.y)):
            return warn(choice, f"is {value} only where {task} is 1")
        if how == "decides" and kind == "multiclass":
            return warn(choice, f"each value goes with one class of {task}")
    return choice


def warn(choice: Choice, what: str) -> Choice:
    """Returns a choice with a warning before its remark."""
    warning = f"WARNING: {what}; is it known before? If not, remove it"
    parts = [warning, *([choice.remark] if choice.remark else [])]
    return replace(choice, remark="; ".join(parts))


def look_for_outcome(choice: Choice) -> Choice:
    """Returns a choice that asks whether a column is known before the prediction."""
    if choice.role != "feature" or not is_outcome(choice.column.name) or choice.remark:
        return choice
    return replace(choice, remark="known before the prediction? If not, remove it")


def mark_twins(choices: list[Choice]) -> list[Choice]:
    """Returns the choices, features that say what another one says remarked."""
    first: dict[bytes, Choice] = {}
    marked = []
    for choice in choices:
        column = choice.column
        if choice.role == "feature" and column.kind != "list" and column.distinct > 2:
            twin = first.setdefault(np.sort(column.counts).tobytes(), choice)
            if twin is not choice and tells(column, twin.column.codes) == "renames":
                remark = f"says the same as {twin.column.name}"
                remark = "; ".join(part for part in (choice.remark, remark) if part)
                choice = replace(choice, remark=remark)
        marked.append(choice)
    return marked


def tells(column: Column, codes: Array) -> str:
    """Returns how a column gives another one away: `renames`, `decides` or "".

    It renames the other one if each value of one goes with one of the other, and
    decides it if each of its own values, in 10 rows or more on average, goes with one
    of the other. Values that hardly come twice tell nothing of the kind.

    Args:
        column: of the table.
        codes: number of the other one's value, (rows,); -1 where it is missing.
    """
    both = (column.codes >= 0) & (codes >= 0)
    rows = int(both.sum())
    if rows < 0.5 * (codes >= 0).sum() or column.distinct > 0.5 * rows:
        return ""
    a, b = column.codes[both].astype("int64"), codes[both]
    pairs = len(np.unique(a * (int(b.max()) + 1) + b))
    ours, theirs = len(np.unique(a)), len(np.unique(b))
    if pairs != ours or theirs < 2:
        return ""
    return "renames" if ours == theirs else "decides" if rows >= 10 * ours else ""


def implies(column: Column, y: Array) -> str:
    """Returns which of two values a column has on positive rows alone; "" if none.

    As a conversion has that follows a click. By chance so many rows would all be
    positive once in a million tables.
    """
    known = (column.codes >= 0) & ~np.isnan(y)
    rate = y[known].mean() if known.any() else 1.0
    if column.distinct != 2 or rate == 1:
        return ""
    for code, word in enumerate(column.values):
        mine = y[known & (column.codes == code)]
        if len(mine) >= ENOUGH and mine.all() and rate ** len(mine) < 1e-6:
            return str(word)
    return ""


def correlation(column: Column, y: Array) -> float:
    """Returns how well a numeric column predicts a regression's label, 0 to 1."""
    x = column.row_numbers()
    known = np.isfinite(x) & np.isfinite(y)
    if known.sum() < ENOUGH or np.ptp(x[known]) == 0 or np.ptp(y[known]) == 0:
        return 0.0
    return float(abs(np.corrcoef(x[known], y[known])[0, 1]))


def auc_of_column(column: Column, y: Array) -> float:
    """Returns the AUC that a column alone reaches on the rows that have a label.

    A missing value is one of its own, below all numbers. 0.5 where too few rows tell.
    """
    known = ~np.isnan(y)
    numbers = column.numbers
    if numbers is not None:
        numbers = np.concatenate(([-np.inf], numbers))
    found = auc_alone(y[known], column.codes[known] + 1, numbers)
    return 0.5 if found is None else found
