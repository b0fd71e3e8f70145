"""Describes columns in a few words, for the comments of the YAML."""

from contextlib import suppress
from datetime import UTC, datetime

import pyarrow.compute as pc

from mtl_cli.columns.times import UNITS_PER_SECOND
from mtl_cli.core.message_text import cut, visible
from mtl_cli.init.column_profile import MAX_CATEGORIES, ColumnProfile
from mtl_cli.init.name_hints import suggests_id, suggests_time
from mtl_cli.init.value_kinds import matches

KIND_NAMES = {"whole": "whole numbers", "decimal": "numbers", "boolean": "booleans"}
MAX_VALUE_LENGTH = 24  # characters
MONTH_AND_DAY = "(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])"
HOUR, MINUTE = "([01][0-9]|2[0-3])", "[0-5][0-9]"
DATE = f"^(19|20)[0-9]{{2}}{MONTH_AND_DAY}"  # from 1900 to 2099
# {format: pattern and format of `strptime`} of times that are written as one number.
DIGIT_FORMATS = {
    "yyyymmdd": (f"{DATE}$", "%Y%m%d"),
    "yyyymmddhh": (f"{DATE}{HOUR}$", "%Y%m%d%H"),
    "yyyymmddhhmm": (f"{DATE}{HOUR}{MINUTE}$", "%Y%m%d%H%M"),
    "yyyymmddhhmmss": (f"{DATE}{HOUR}{MINUTE}{MINUTE}$", "%Y%m%d%H%M%S"),
    "yymmddhh": (f"^[0-9]{{2}}{MONTH_AND_DAY}{HOUR}$", "%y%m%d%H"),
}


def summarize(column: ColumnProfile) -> str:
    """Describes a column, as in "text, 3 distinct, 2.0% missing: DE, FR, US"."""
    # A profile of the kind `empty` or `other` holds no values.
    lists = column.lists
    if column.kind in ("empty", "other") or (lists and lists.elements.kind == "other"):
        return f"{column.arrow_type}{missing_share(column)}"
    if lists is not None:
        shortest, longest = lists.lengths.min(), lists.lengths.max()
        to_longest = "" if shortest == longest else f" to {longest}"
        at_least = "at least " if lists.is_sampled else ""
        return (
            f"lists of {shortest}{to_longest}, {at_least}"
            f"{lists.elements.num_distinct:,} distinct: {examples(lists.elements)}"
            f"{missing_share(column)}"
        )
    counts = f", {column.num_distinct:,} distinct{missing_share(column)}"
    if time_range := first_and_last_time(column):
        first, last = time_range
        return f"times {first[:19]} to {last[:19]}{counts}"
    kind = KIND_NAMES.get(column.kind, column.kind)
    numbers = column.numbers
    if (
        numbers is None
        or column.num_distinct <= MAX_CATEGORIES
        or suggests_id(column.name)
    ):
        return f"{kind}{counts}: {examples(column)}"
    return f"{kind} {numbers.min():.15g} to {numbers.max():.15g}{counts}"


def first_and_last_time(column: ColumnProfile) -> tuple[str, str] | None:
    """Returns the first and the last time as text; None if a column holds no times."""
    formatted = times_of(column)
    return formatted and formatted[1:]


def times_of(column: ColumnProfile) -> tuple[str, str, str] | None:
    """Returns the format of a column's times, and the first and the last time as text.

    A column of numbers holds times if its name suggests times, and its numbers all have
    a form of `DIGIT_FORMATS`, such as 20241231, or are times from 1989 to 2049,
    counted since 1970 in seconds, milliseconds, microseconds or nanoseconds.
    """
    if column.kind == "time":
        times = column.values.to_pylist()
        return "iso", min(times), max(times)
    numbers = column.numbers
    if numbers is None or not suggests_time(column.name):
        return None
    low, high = float(numbers.min()), float(numbers.max())
    texts = column.values
    if column.all_whole:  # 20241231.0 has the form of 20241231
        texts = pc.replace_substring_regex(texts, r"\.0*$", "")
    for digit_format, (pattern, time_format) in DIGIT_FORMATS.items():
        if matches(texts, pattern).all():
            # The pattern also fits numbers that are no dates, such as 20260231.
            with suppress(ValueError):
                ends = [datetime.strptime(f"{x:.0f}", time_format) for x in (low, high)]
                return digit_format, ends[0].isoformat(" "), ends[1].isoformat(" ")
    for unit, units_per_second in UNITS_PER_SECOND.items():
        first_second, last_second = low / units_per_second, high / units_per_second
        if first_second >= 6e8 and last_second <= 2.5e9:  # 1989 to 2049
            first = datetime.fromtimestamp(first_second, UTC).isoformat(" ")
            last = datetime.fromtimestamp(last_second, UTC).isoformat(" ")
            return unit, first, last
    return None


def missing_share(column: ColumnProfile) -> str:
    """Returns text such as ", 2.0% missing"; "" if the column has no missing values."""
    share = column.num_missing / len(column.codes)
    return f", {share:.1%} missing" if column.num_missing else ""


def examples(column: ColumnProfile) -> str:
    """Returns the three most frequent values, such as "DE, FR, US"."""
    return ", ".join(shorten(value) for value in column.most_frequent(3))


def shorten(value: str) -> str:
    """Returns a value on one line; a long value is cut and ends with "..."."""
    return cut(visible(value), MAX_VALUE_LENGTH)
