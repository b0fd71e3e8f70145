"""Measures how strongly a label, or another column, depends on a column."""

from typing import Literal

import numpy as np

from mtl_cli.data.univariate_auc import MIN_ROWS_PER_CLASS, univariate_auc
from mtl_cli.init.column_profile import Array, ColumnProfile

Dependence = Literal["one to one", "many to one", "none"]
# The smallest mean number of rows per value. With fewer rows, each value may occur with
# a single target value by chance.
MIN_ROWS_PER_VALUE = 10
# At least this share of the rows with a target must also have a value in the column.
MIN_COMMON_SHARE = 0.5
# The largest number of distinct values, divided by the number of rows.
MAX_DISTINCT_SHARE = 0.5


def dependence_of_target(column: ColumnProfile, target: Array) -> Dependence:
    """Returns how the values of a target depend on the values of a column.

    Args:
        column: the profile of the column.
        target: the index of each row's target value, -1 for a missing value, (rows,).

    Returns:
        one to one: each value of the column occurs with one target value only, and each
            target value with one value of the column only.
        many to one: each value of the column occurs with one target value only, and in
            `MIN_ROWS_PER_VALUE` rows or more on average.
        none: neither is true, or too few rows have a value and a target value, or the
            column's values repeat too rarely to decide.
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

    Missing cells count as one more value: in a column of numbers, as minus infinity.
    """
    is_labelled = ~np.isnan(y)
    codes = column.codes[is_labelled] + 1  # 0 for a missing cell
    numbers = column.numbers
    if numbers is not None:
        numbers = np.concatenate(([-np.inf], numbers))
    auc = univariate_auc(y[is_labelled], codes, numbers)
    return 0.5 if auc is None else auc
