"""Describes columns in a few words, for the comments of the YAML."""

from mtl_cli.core.errors import visible
from mtl_cli.init.column_profile import MAX_CATEGORIES, MAX_EXACT, ColumnProfile
from mtl_cli.init.name_hints import suggests_id

KIND_NAMES = {"whole": "whole numbers", "decimal": "numbers", "boolean": "booleans"}
MAX_VALUE_LENGTH = 24  # characters


def summarize(column: ColumnProfile) -> str:
    """Describes the kind of a column's values, and their range or examples.

    For example "text, 3 distinct, 2.0% missing: DE, FR, US".
    """
    if column.kind in ("empty", "other", "list"):
        return f"{column.arrow_type}{missing_share(column)}"
    kind = KIND_NAMES.get(column.kind, column.kind)
    numbers = column.numbers
    if (
        numbers is None
        or column.num_distinct <= MAX_CATEGORIES
        or suggests_id(column.name)
    ):
        return f"{kind}{distinct_and_missing(column)}: {examples(column)}"
    low, high = numbers.min(), numbers.max()
    # Above 2^53, float64 would show rounded numbers.
    value_range = f"{low:.15g} to {high:.15g}" if high < MAX_EXACT else "above 2^53"
    return f"{kind} {value_range}{distinct_and_missing(column)}"


def distinct_and_missing(column: ColumnProfile) -> str:
    """Returns the number of distinct values and the share of missing values.

    For example ", 3 distinct, 2.0% missing".
    """
    return f", {column.num_distinct:,} distinct{missing_share(column)}"


def missing_share(column: ColumnProfile) -> str:
    """Returns the share of missing values, such as ", 2.0% missing", or "" for none."""
    if not column.num_missing:
        return ""
    share = column.num_missing / column.num_rows
    return f", {share:.1%} missing" if share >= 0.001 else ", <0.1% missing"


def examples(column: ColumnProfile) -> str:
    """Returns the three most frequent values, such as "DE, FR, US"."""
    return ", ".join(shorten(value) for value in column.most_frequent(3))


def shorten(value: str) -> str:
    """Returns a value on one line; a long value is cut and ends with "..."."""
    line = visible(value)
    if len(line) <= MAX_VALUE_LENGTH:
        return line
    return f"{line[: MAX_VALUE_LENGTH - 3]}..."
