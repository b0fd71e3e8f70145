"""Finds label columns of yes and no, such as 1 and 0, in which some cells are odd."""

import re
from collections import Counter
from dataclasses import dataclass

import numpy as np

from mtl_cli.init.column_profile import ColumnProfile
from mtl_cli.init.column_summary import shorten

YES = {"1", "true", "yes", "y", "t", "positive"}
NO = {"-1", "0", "false", "no", "n", "f", "negative"}
MAX_ODD_SHARE = 0.05
SHOWN = 3


@dataclass(frozen=True)
class YesNoColumn:
    """The values of a label column that says yes or no in nearly all cells.

    Attributes:
        yes: the values that count as 1, such as `1` and `1.0`.
        no: the values that count as 0.
        odd: all other values.
    """

    yes: list[str]
    no: list[str]
    odd: list[str]


def yes_no_column(column: ColumnProfile) -> YesNoColumn | None:
    """Returns the values of a column that says yes or no; None of other columns.

    At most 5 % of the cells may say neither, and these must be fewer than the cells
    that say yes, and fewer than the cells that say no.
    """
    spellings: dict[str, list[str]] = {}
    counts: Counter[str] = Counter()
    for value, count in column.most_frequent().items():
        meaning = re.sub(r"^(-?[0-9]+)\.0*$", r"\1", value).lower()
        spellings.setdefault(meaning, []).append(value)
        counts[meaning] += count
    if len(counts) < 2:
        return None
    (first, _), (second, smaller_count) = counts.most_common(2)
    yes, no = (first, second) if first in YES else (second, first)
    if yes not in YES or no not in NO:
        return None
    num_odd = column.num_filled - counts[yes] - counts[no]
    if num_odd > MAX_ODD_SHARE * column.num_filled or num_odd >= smaller_count:
        return None
    odd = [value for key in counts if key not in (yes, no) for value in spellings[key]]
    return YesNoColumn(spellings[yes], spellings[no], odd)


def odd_cells(column: ColumnProfile, odd: list[str]) -> str:
    """Returns which cells are odd, such as "'2', 'x' in rows 3, 17, 21 and 9 more".

    Args:
        column: the profile of the label column.
        odd: its odd values.
    """
    values = column.values.to_pylist()
    codes = [values.index(value) for value in odd]
    rows = np.flatnonzero(np.isin(column.codes, codes)) + 1
    texts = ", ".join(f"'{shorten(value)}'" for value in odd[:SHOWN])
    more_values = " and others" if len(odd) > SHOWN else ""
    numbers = ", ".join(f"{row:,}" for row in rows[:SHOWN])
    more_rows = f" and {len(rows) - SHOWN:,} more" if len(rows) > SHOWN else ""
    plural = "s" if len(rows) > 1 else ""
    return f"{texts}{more_values} in row{plural} {numbers}{more_rows}"
