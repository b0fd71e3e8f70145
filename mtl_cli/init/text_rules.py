"""Rules that propose the use of a column of text or of lists, see `column_rules`."""

import math
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mtl_cli.init.column_profile import (
    MAX_CATEGORIES,
    MAX_TEXTS_AMONG_NUMBERS,
    Array,
    ColumnProfile,
)
from mtl_cli.init.column_proposal import (
    ColumnProposal,
    join_remarks,
    leave_out,
    min_count_keys,
    numeric_keys,
    propose_categories,
)
from mtl_cli.init.column_summary import shorten
from mtl_cli.init.name_hints import suggests_id
from mtl_cli.init.value_kinds import matches

DATE = (
    r"^([0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}|[0-9]{1,2}[-/.][0-9]{1,2}[-/.][0-9]{2,4})"
    r"([ T].*)?$"
)
MONTH = r"(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
DATE_WITH_MONTH = (  # Jan 19, 2026 or 19 January 2026
    rf"(?i)^({MONTH}[ -][0-9]{{1,2}},?|[0-9]{{1,2}}\.?[ -]{MONTH},?)[ -][0-9]{{2,4}}"
    r"([ T].*)?$"
)
# Numbers such as 6,405. The comma is a decimal comma or separates thousands.
THOUSANDS = r"^-?[0-9]{1,3}(,[0-9]{3}){1,3}$"
# Numbers with fewer than three digits before the first comma.
FEWER_DIGITS_FIRST = r"^-?[0-9]{1,2},"
MIN_SHARE_OF_FEWER_DIGITS = 0.1
UNIT = "[€$£¥₹%]"
SPACE = r"[ \x{a0}\x{202f}]"  # a space, which may be narrow or not break a line
DIGITS = r"[0-9]+([.,'\x{2019} \x{a0}\x{202f}][0-9]{3})*([.,][0-9]+)?"
WITH_UNIT = (  # 5 € or 30%; or a number that must have separators: 1,234.5 or 1'234
    rf"^[-+]?({UNIT}{SPACE}?[-+]?{DIGITS}|{DIGITS}{SPACE}?{UNIT})$"
    r"|^-?[0-9]{1,3}((,[0-9]{3})+\.[0-9]+|(\.[0-9]{3}){2,}|(['\x{2019}\x{a0}\x{202f}][0-9]{3})+)$"
)
DATES = "the cells are dates: write all dates in the form 2024-12-31"
# {pattern of text that a user should convert: what the cells are, and what to do}. The
# first pattern that describes a column decides.
CONVERTIBLE_TEXT = {
    THOUSANDS: "the cells are numbers with commas: write 6405 or 6.405 for 6,405",
    r"^-?[0-9]+(\.[0-9]{3})*,[0-9]+$": (
        "the cells are numbers with a decimal comma: write a point, as in 1234.5"
    ),
    r"^-?[0-9]+\.[0-9]+[,;] ?-?[0-9]+\.[0-9]+$": (
        "the cells are pairs of numbers: make a column of each number"
    ),
    WITH_UNIT: (
        "the cells are numbers with a unit or with separators of thousands: write "
        "plain numbers, as in 1234.5"
    ),
    DATE: DATES,
    DATE_WITH_MONTH: DATES,
    r"^\[.*\]$": "the cells are lists in brackets: write lists in the form a|b|c",
    r"^\{.*\}$": "the cells are records: make one column per field",
}
# A pattern describes a column if more than this share of its distinct texts match.
MIN_MATCHING_SHARE = 0.9
# Patterns are tried only if at least this share of the distinct values are texts other
# than plain numbers.
MIN_SHARE_OF_TEXTS = 0.2

# {separator of lists in text: share of the cells that must contain the separator}
SEPARATORS = {"|": 0.2, ";": 0.2, "^": 0.2, ", ": 0.5, ",": 0.5, " ": 0.5}
# If text is split at the separators of lists, the number of distinct parts is at most
# this share of the number of distinct cells. Words of sentences repeat less often.
MAX_DISTINCT_PARTS = 0.6
# Parts between spaces are ids, and not words, if this share of the parts has a digit.
MIN_SHARE_WITH_DIGIT = 0.9
# `max_length` keeps this share of the lists whole.
LENGTH_QUANTILE = 0.95

# Text is free text if it is above both limits.
FREE_TEXT_LENGTH = 40  # characters of a cell, on average
MIN_DISTINCT_FREE_TEXT = 0.3  # the number of distinct values / the number of cells


def convertible_text(column: ColumnProfile) -> ColumnProposal | None:
    """Leaves out text that a user can convert to numbers, times, lists or columns."""
    if column.kind != "text":
        return None
    texts, num_cells = column.non_numbers()
    num_numbers = column.num_distinct - len(texts)
    if (
        len(texts) <= MAX_TEXTS_AMONG_NUMBERS
        and num_numbers > MAX_CATEGORIES
        and not suggests_id(column.name)
    ):
        quoted = ", ".join(f"'{shorten(text)}'" for text in texts)
        cells = "1 cell" if num_cells == 1 else f"{num_cells:,} cells"
        warning = (
            f"the cells are numbers, except {quoted} in {cells}: clear such cells, or "
            "list the text in csv.null_values if the file is a text file"
        )
        keys = numeric_keys(column, missing=True)
        return ColumnProposal(column, "left out", keys, warning=warning)
    if column.num_distinct < 2 or column.is_text.mean() < MIN_SHARE_OF_TEXTS:
        return None
    values = column.values.filter(column.is_text)
    for pattern, remark in CONVERTIBLE_TEXT.items():
        if matches(values, pattern).mean() <= MIN_MATCHING_SHARE:
            continue
        if pattern == THOUSANDS and are_lists_of_three_digits(values):
            continue
        return leave_out(column, remark)
    return None


def are_lists_of_three_digits(values: pa.Array) -> bool:
    """Whether texts such as 100,200 are lists of ids, and not numbers.

    Numbers with separators of thousands, such as 6,405, often begin with fewer digits.
    """
    return bool(matches(values, FEWER_DIGITS_FIRST).mean() < MIN_SHARE_OF_FEWER_DIGITS)


def list_column(column: ColumnProfile) -> ColumnProposal | None:
    """Proposes a sequence feature for lists, and for lists that are written as text."""
    separator = None
    if column.kind == "text":
        separator = list_separator(column)
        if separator is None:
            return None
        column = column.split(separator)
    elements = column.elements
    lengths = column.lengths
    if column.kind != "list" or elements is None or lengths is None:
        return None
    if elements.kind == "empty":
        return leave_out(column, "the lists hold only empty values")
    # A sequence reads ids: texts, whole numbers and booleans. Other values are ids too
    # if they are stored as text.
    are_ids = elements.kind in ("text", "whole", "boolean") or elements.stored_as_text
    if pa.types.is_floating(elements.arrow_type) or not are_ids:
        return leave_out_lists(column, elements)
    if elements.counts.max() == 1:
        return leave_out(column, "each value occurs only once in all lists")
    return propose_sequence(column, elements, lengths, separator)


def leave_out_lists(column: ColumnProfile, elements: ColumnProfile) -> ColumnProposal:
    """Leaves out lists whose values cannot be ids, such as floats and times."""
    remark = f"no feature reads lists of {elements.arrow_type}"
    fix = "convert the values to text or whole numbers"
    if elements.numbers is not None:
        remark += ", except as weights"
        fix = f"write weights: {column.name} in a sequence, or {fix}"
    return leave_out(column, f"{remark}: {fix}")


def propose_sequence(
    column: ColumnProfile,
    elements: ColumnProfile,
    lengths: Array,
    separator: str | None,
) -> ColumnProposal:
    """Proposes a sequence feature.

    Args:
        column: a column of lists.
        elements: the profile of the values within all lists.
        lengths: the number of values in each list, (lists,).
        separator: the separator of lists in text; None for lists of Arrow.
    """
    max_length = max(1, math.ceil(np.quantile(lengths, LENGTH_QUANTILE)))
    keys: dict[str, Any] = {"kind": "sequence", "max_length": max_length}
    if separator is not None:
        keys["separator"] = separator
    more_keys, remark = min_count_keys(elements.counts, "all values in the lists")
    keys |= more_keys
    if lengths.max() > max_length:
        share = (lengths <= max_length).mean()
        length_remark = f"max_length keeps {share:.0%} of the lists whole"
        remark = join_remarks(length_remark, remark)
    return ColumnProposal(column, "feature", keys, remark)


def list_separator(column: ColumnProfile) -> str | None:
    """Returns the separator of the lists in a text column; None without lists."""
    for separator, min_share in SEPARATORS.items():
        contains = np.asarray(pc.match_substring(column.values, separator))
        num_cells = column.counts[contains].sum()
        if num_cells < min_share * column.num_filled:
            continue
        if makes_lists(column, separator):
            return separator
    return None


def makes_lists(column: ColumnProfile, separator: str) -> bool:
    """Whether the parts between separators are values of lists, not words of sentences.

    Values of lists repeat more often than words of sentences do. Between spaces, values
    also contain digits, as ids do.
    """
    parts = column.split(separator).elements
    if parts is None or parts.num_distinct > MAX_DISTINCT_PARTS * column.num_distinct:
        return False
    if separator != " ":
        return True
    num_with_digit = parts.counts[matches(parts.values, "[0-9]")].sum()
    return bool(num_with_digit >= MIN_SHARE_WITH_DIGIT * parts.counts.sum())


def text_column(column: ColumnProfile) -> ColumnProposal:
    """Proposes categories; leaves out sentences and texts that hardly repeat."""
    lengths = np.array([len(value) for value in column.values.to_pylist()])
    mean_length = float(np.average(lengths, weights=column.counts))
    hardly_repeats = column.num_distinct > MIN_DISTINCT_FREE_TEXT * column.num_filled
    if mean_length > FREE_TEXT_LENGTH and hardly_repeats:
        return leave_out(column, "the cells hold free text")
    if column.mostly_unique and column.num_distinct > MAX_CATEGORIES:
        return leave_out(column, "the value differs in nearly every row")
    return propose_categories(column)
