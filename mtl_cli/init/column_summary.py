"""Summaries of columns, in a few words, for the comments of the YAML."""

from mtl_cli.core.errors import visible
from mtl_cli.init.column_profile import MAX_CATEGORIES, MAX_EXACT, ColumnProfile
from mtl_cli.init.name_hints import suggests_id


def summarize(column: ColumnProfile) -> str:
    """Returns the kind, range and examples of a column's values.

    For example "text, 3 distinct, 2.0% missing: DE, FR, US".
    """
    if column.kind in ("empty", "other", "list"):
        return f"{column.arrow_type}{missing_share(column)}"
    names = {"whole": "whole numbers", "decimal": "numbers", "boolean": "booleans"}
    kind = names.get(column.kind, column.kind)
    numbers = column.numbers
    if (
        numbers is None
        or column.num_distinct <= MAX_CATEGORIES
        or suggests_id(column.name)
    ):
        return f"{kind}{distinct_and_missing(column)}: {examples(column)}"
    low, high = numbers.min(), numbers.max()
    value_range = f"{low:.15g} to {high:.15g}" if high < MAX_EXACT else "above 2^53"
    return f"{kind} {value_range}{distinct_and_missing(column)}"


def distinct_and_missing(column: ColumnProfile) -> str:
    """Returns the number of distinct values and the share of missing values.

    For example ", 3 distinct, 2.0% missing".
    """
    return f", {column.num_distinct:,} distinct{missing_share(column)}"


def missing_share(column: ColumnProfile) -> str:
    """Returns the share of missing values, such as ", 2.0% missing"; "" if none is."""
    if not column.num_missing:
        return ""
    share = column.num_missing / column.num_rows
    return f", {share:.1%} missing" if share >= 0.001 else ", <0.1% missing"


def examples(column: ColumnProfile) -> str:
    """Returns the three most frequent values, such as "DE, FR, US"."""
    return ", ".join(shorten(value) for value in column.most_frequent(3))


def shorten(value: str) -> str:
    """Returns a value on one line, cut if it is long."""
    line = visible(value)
    return line if len(line) <= 24 else f"{line[:21]}..."
