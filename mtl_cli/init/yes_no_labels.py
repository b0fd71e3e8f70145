"""Recognizes label columns that say yes or no, such as columns of 1 and 0.

A few cells of such a column may hold an unexpected value, such as 2.
"""

import re
from collections import Counter
from dataclasses import dataclass

import numpy as np

from mtl_cli.init.column_profile import ColumnProfile
from mtl_cli.init.column_summary import shorten

YES = {"1", "true", "yes", "y", "t", "positive"}
NO = {"-1", "0", "false", "no", "n", "f", "negative"}
MAX_UNEXPECTED_SHARE = 0.05
MAX_EXAMPLES = 3


@dataclass(frozen=True)
class YesNoColumn:
    """The distinct values of a label column that says yes or no in nearly all cells.

    Attributes:
        yes_values: the values that count as 1, such as `1` and `1.0`.
        no_values: the values that count as 0.
        unexpected_values: all other values.
    """

    yes_values: list[str]
    no_values: list[str]
    unexpected_values: list[str]


def yes_no_column(column: ColumnProfile) -> YesNoColumn | None:
    """Sorts the values of a yes/no column into yes, no and unexpected values.

    Returns None if the column is not a yes/no column. In a yes/no column, at most
    `MAX_UNEXPECTED_SHARE` of the cells hold an unexpected value. These cells are fewer
    than the cells that say yes, and fewer than the cells that say no.
    """
    values_by_answer: dict[str, list[str]] = {}
    counts: Counter[str] = Counter()
    for value, count in column.most_frequent().items():
        # Values that differ only in spelling are one answer: `1.0` and `1`, or `Yes`
        # and `yes`.
        answer = re.sub(r"^(-?[0-9]+)\.0*$", r"\1", value).lower()
        values_by_answer.setdefault(answer, []).append(value)
        counts[answer] += count
    if len(counts) < 2:
        return None
    (frequent, _), (rarer, rarer_count) = counts.most_common(2)
    yes, no = (frequent, rarer) if frequent in YES else (rarer, frequent)
    if yes not in YES or no not in NO:
        return None
    num_unexpected = column.num_filled - counts[yes] - counts[no]
    if (
        num_unexpected > MAX_UNEXPECTED_SHARE * column.num_filled
        or num_unexpected >= rarer_count
    ):
        return None
    unexpected_values = [
        value
        for answer, values in values_by_answer.items()
        if answer not in (yes, no)
        for value in values
    ]
    return YesNoColumn(values_by_answer[yes], values_by_answer[no], unexpected_values)


def describe_cells(column: ColumnProfile, values: list[str]) -> str:
    """Describes the cells that hold some values, with examples of values and rows.

    For example "'2', 'x' in rows 3, 17, 21 and 9 more". The first row is row 1.

    Args:
        column: the profile of a column.
        values: some of the column's values.
    """
    all_values = column.values.to_pylist()
    indices = [all_values.index(value) for value in values]
    rows = np.flatnonzero(np.isin(column.codes, indices)) + 1
    texts = ", ".join(f"'{shorten(value)}'" for value in values[:MAX_EXAMPLES])
    more_values = " and others" if len(values) > MAX_EXAMPLES else ""
    row_numbers = ", ".join(f"{row:,}" for row in rows[:MAX_EXAMPLES])
    num_more = len(rows) - MAX_EXAMPLES
    more_rows = f" and {num_more:,} more" if num_more > 0 else ""
    plural = "s" if len(rows) > 1 else ""
    return f"{texts}{more_values} in row{plural} {row_numbers}{more_rows}"
