"""Rules that propose features for columns of text or of lists, see `column_rules`."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mtl_cli.init.column_profile import MAX_CATEGORIES, ColumnProfile, ListProfile
from mtl_cli.init.column_proposal import (
    ColumnProposal,
    join_remarks,
    leave_out,
    min_count_keys,
    propose_categories,
)
from mtl_cli.init.column_summary import first_and_last_time
from mtl_cli.init.value_kinds import matches

# {separator of lists in text: share of the cells that must contain the separator}. With
# spaces around it, a separator comes first: otherwise `a` and ` a` would be two values.
SEPARATORS = {" | ": 0.2, "|": 0.2, "; ": 0.2, ";": 0.2, "^": 0.2, "\t": 0.2}
SEPARATORS |= {", ": 0.5, ",": 0.5, " ": 0.5}
# Texts are lists only if their distinct parts are at most this share of the distinct
# texts, or of the parts of these texts: long lists may hold more items than there are
# lists. The words of sentences repeat less often.
MAX_DISTINCT_PARTS = 0.6
MAX_DISTINCT_SHARE = 0.2
# Parts between spaces are ids, and not words, if this share of the parts has a digit.
MIN_SHARE_WITH_DIGIT = 0.9
# `max_length` keeps this share of the lists whole.
LENGTH_QUANTILE = 0.95

# Two numbers in a text may also be a range, or a number with a comma.
MIN_VECTOR_LENGTH = 3

# A column that is above both limits holds free text.
FREE_TEXT_LENGTH = 40  # characters of a cell, on average
MIN_DISTINCT_FREE_TEXT = 0.3  # the number of distinct values / the number of cells


def list_column(column: ColumnProfile) -> ColumnProposal | None:
    """Proposes a feature for lists, and for lists that are written as text."""
    separator = None
    if column.kind == "text":
        separator = vector_separator(column) or list_separator(column)
        if separator is None:
            return None
        column = replace(column, kind="list", lists=column.split(separator))
    lists = column.lists
    if lists is None:
        return None
    elements = lists.elements
    if elements.kind == "empty":
        return leave_out(column, "the lists hold only empty values")
    if first_and_last_time(elements):
        return leave_out(
            column, "lists of times are not a feature: new rows have new times"
        )
    if pa.types.is_floating(elements.arrow_type) or (separator and are_vectors(lists)):
        return propose_vector(column, lists, separator)
    # A sequence reads ids: texts, whole numbers and booleans. Decimals and times are
    # ids too if they are stored as text.
    are_ids = elements.kind in ("text", "whole", "boolean") or elements.stored_as_text
    if not are_ids:
        remark = (
            f"no feature reads lists of {elements.arrow_type}: convert the values to "
            "text if they are ids"
        )
        return leave_out(column, remark)
    if elements.counts.max() == 1:
        return leave_out(column, "each value occurs only once in all lists")
    return propose_sequence(column, lists, separator)


def propose_vector(
    column: ColumnProfile, lists: ListProfile, separator: str | None
) -> ColumnProposal:
    """Proposes a vector feature for lists of numbers, if their lengths are equal."""
    lengths = np.unique(lists.lengths[lists.lengths > 0])
    if len(lengths) > 1:
        remark = (
            "lists of numbers whose lengths differ are no vectors; they can be the "
            "weights of a sequence; convert the values to text if they are ids"
        )
        return leave_out(column, remark)
    if lists.elements.num_missing:
        return leave_out(column, "some vectors have empty numbers")
    keys: dict[str, Any] = {"kind": "vector", "length": int(lengths[0])}
    if separator is not None:
        keys["separator"] = separator
    if column.num_missing or not lists.lengths.all():
        keys["missing"] = "mean"
    warning = ""
    if lists.elements.kind == "whole":
        warning = "all numbers are whole: if they are ids, convert them to int64"
    return ColumnProposal(column, "feature", keys, warning=warning)


def propose_sequence(
    column: ColumnProfile, lists: ListProfile, separator: str | None
) -> ColumnProposal:
    """Proposes a sequence feature; `separator` is None for Arrow lists."""
    max_length = max(1, math.ceil(np.quantile(lists.lengths, LENGTH_QUANTILE)))
    keys: dict[str, Any] = {"kind": "sequence", "max_length": max_length}
    if separator is not None:
        keys["separator"] = separator
    more_keys, remark = min_count_keys(lists.elements.counts, "all values in the lists")
    if lists.lengths.max() > max_length:
        share = (lists.lengths <= max_length).mean()
        length_remark = f"max_length keeps {share:.0%} of the lists whole"
        remark = join_remarks(length_remark, remark)
    return ColumnProposal(column, "feature", keys | more_keys, remark)


def vector_separator(column: ColumnProfile) -> str | None:
    """Returns the separator of vectors that are written as text, or None."""
    for separator in SEPARATORS:
        has_separator = pc.match_substring(column.values, separator)
        if pc.all(has_separator).as_py() and are_vectors(column.split(separator)):
            return separator
    return None


def are_vectors(lists: ListProfile) -> bool:
    """Whether the parts of texts are vectors: as many decimals in each text."""
    lengths = lists.lengths
    is_long = lengths.min() >= MIN_VECTOR_LENGTH
    return bool(
        lists.elements.kind == "decimal" and is_long and lengths.min() == lengths.max()
    )


def list_separator(column: ColumnProfile) -> str | None:
    for separator, min_share in SEPARATORS.items():
        has_separator = np.asarray(pc.match_substring(column.values, separator))
        num_cells = column.counts[has_separator].sum()
        is_frequent = num_cells >= min_share * column.num_filled
        if is_frequent and makes_lists(column, separator):
            return separator
    return None


def makes_lists(column: ColumnProfile, separator: str) -> bool:
    """Whether the parts between separators are values of lists, not words of sentences.

    Values of lists repeat more often than words of sentences do. Values between spaces
    also contain digits, as ids do.
    """
    parts = column.split(separator).elements
    num_parts = (
        column.num_distinct
        + pc.sum(pc.count_substring(column.values, separator)).as_py()
    )
    if parts.num_distinct > max(
        MAX_DISTINCT_PARTS * column.num_distinct, MAX_DISTINCT_SHARE * num_parts
    ):
        return False
    if separator != " ":
        return True
    num_with_digit = parts.counts[matches(parts.values, "[0-9]")].sum()
    return bool(num_with_digit >= MIN_SHARE_WITH_DIGIT * parts.counts.sum())


def text_column(column: ColumnProfile) -> ColumnProposal:
    """Proposes categories; leaves out sentences and texts that hardly repeat."""
    mean_length = np.average(pc.utf8_length(column.values), weights=column.counts)
    hardly_repeats = column.num_distinct > MIN_DISTINCT_FREE_TEXT * column.num_filled
    if mean_length > FREE_TEXT_LENGTH and hardly_repeats:
        return leave_out(column, "the cells hold free text")
    if column.mostly_unique and column.num_distinct > MAX_CATEGORIES:
        return leave_out(column, "the value differs in nearly every row")
    return propose_categories(column)
