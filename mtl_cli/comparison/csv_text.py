"""CSV that a spreadsheet shows as text, and never runs as a formula."""

import csv
import io
from collections.abc import Iterable, Mapping
from typing import Any

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def csv_text(headings: Iterable[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """Returns rows as CSV; keys without a heading are left out.

    A text that a spreadsheet would read as a formula begins with an apostrophe.
    """
    names = list(headings)
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerow(map(harmless, names))
    writer.writerows([harmless(row.get(name)) for name in names] for row in rows)
    return stream.getvalue()


def harmless(value: Any) -> Any:
    """Returns a cell; a text that begins as a formula, but is no number, is marked."""
    if not isinstance(value, str) or not value.startswith(FORMULA_STARTS):
        return value
    try:
        float(value)
    except ValueError:
        return f"'{value}"
    return value
