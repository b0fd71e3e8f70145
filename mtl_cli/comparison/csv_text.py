"""Writes CSV in which no cell is a formula for a spreadsheet.

A spreadsheet runs a cell such as `=HYPERLINK(...)` as a formula. The names of runs and
settings may come from someone else, so such a cell could send data away.
"""

import csv
import io
from collections.abc import Iterable, Mapping
from typing import Any

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def csv_text(headings: Iterable[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """Returns rows as CSV.

    Args:
        headings: the names of the columns.
        rows: {heading: cell} of each row. A missing heading gives an empty cell; keys
            that are not headings are left out.
    """
    names = list(headings)
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerow(map(without_formula, names))
    writer.writerows([without_formula(row.get(name)) for name in names] for row in rows)
    return stream.getvalue()


def without_formula(value: object) -> object:
    """Puts an apostrophe before a text that a spreadsheet would run as a formula.

    Numbers such as `-0.5` may begin as a formula does, and are not changed.
    """
    if not isinstance(value, str) or not value.startswith(FORMULA_STARTS):
        return value
    try:
        float(value)
    except ValueError:
        return f"'{value}"
    return value
