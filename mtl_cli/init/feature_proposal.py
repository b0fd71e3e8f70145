"""A proposal for one column: a feature, a time, a weight, or nothing."""

import math
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from mtl_cli.init.column_profile import Array, ColumnProfile
from mtl_cli.init.name_hints import is_id

MAX_CATEGORIES = 20  # a column of at most so few whole numbers holds categories
FEW_VALUES = 200  # so few values need no min_count
MAX_VOCABULARY = 50_000  # more values are hashed
MAX_EXACT = 2**53  # float64 rounds whole numbers above it
MAX_BUCKETS = 32
ROWS_PER_BUCKET = 50

Role = Literal["feature", "time", "weight", "left out"]


@dataclass(frozen=True)
class FeatureProposal:
    """The proposal for one column.

    Attributes:
        column: the column's profile.
        role: the use of the column.
        keys: the feature's keys in the YAML. For a column left out, the keys to write
            if the user wants the feature after all; None if no feature can read it.
        summary: what the column holds.
        remark: why this was proposed, or what the user should check.
    """

    column: ColumnProfile
    role: Role
    keys: dict[str, Any] | None
    summary: str
    remark: str = ""

    @property
    def is_feature(self) -> bool:
        """Whether the column is used as a feature."""
        return self.role == "feature"

    def with_warning(self, problem: str) -> "FeatureProposal":
        """Returns the proposal with a warning in front of its remark."""
        warning = f"WARNING: {problem}; is it known before? If not, remove it"
        return replace(self, remark=join_remarks(warning, self.remark))


def join_remarks(*remarks: str) -> str:
    """Returns the remarks that are not empty as one text."""
    return "; ".join(filter(None, remarks))


def leave_out(
    column: ColumnProfile, remark: str, keys: dict[str, Any] | None = None
) -> FeatureProposal:
    """Proposes not to use a column."""
    return FeatureProposal(column, "left out", keys, summarize(column), remark)


def propose_categories(column: ColumnProfile, remark: str = "") -> FeatureProposal:
    """Proposes an embedding for each value, or for each hash of very many values."""
    keys: dict[str, Any] = {"kind": "sparse"}
    if column.distinct > MAX_VOCABULARY:
        size = 2 ** min(20, math.ceil(math.log2(column.distinct)))
        keys = {"kind": "hashed", "num_buckets": size}
        reason = "hashed: so many values are too many for a vocabulary"
    else:
        minimum, reason = min_count(column.counts, "cells")
        if minimum > 1:
            keys["min_count"] = minimum
    remark = join_remarks(reason, remark)
    return FeatureProposal(column, "feature", keys, summarize(column), remark)


def propose_buckets(column: ColumnProfile, remark: str = "") -> FeatureProposal:
    """Proposes to cut numbers into buckets."""
    keys = bucketized(column)
    return FeatureProposal(column, "feature", keys, summarize(column), remark)


def bucketized(column: ColumnProfile, missing: bool = False) -> dict[str, Any]:
    """Returns a feature's keys: buckets of about 50 rows or more, at most 32 of them.

    Args:
        column: the column's profile.
        missing: whether to add a bucket for missing values although there are none.
    """
    most = max(4, column.filled // ROWS_PER_BUCKET)
    number = min(MAX_BUCKETS, 2 ** int(math.log2(most)))
    keys: dict[str, Any] = {"kind": "bucketized", "num_buckets": number}
    if missing or column.missing:
        keys["missing"] = "bucket"
    return keys


def propose_sequence(column: ColumnProfile, separator: str | None) -> FeatureProposal:
    """Proposes an embedding for each value of a list.

    Args:
        column: the profile of a column of lists.
        separator: the text between the values of a list that is written as text.
    """
    elements, lengths = column.elements, column.lengths
    if elements is None or lengths is None:
        raise ValueError(f"{column.name}: expected a column of lists")
    longest = max(1, math.ceil(np.quantile(lengths, 0.95)))
    keys: dict[str, Any] = {"kind": "sequence", "max_length": longest}
    if separator is not None:
        keys["separator"] = separator
    minimum, remark = min_count(elements.counts, "all values")
    if minimum > 1:
        keys["min_count"] = minimum
    summary = f"lists of {lengths.min()} to {lengths.max()}, {elements.distinct:,} "
    summary += f"distinct: {examples(elements)}{missing_share(column)}"
    return FeatureProposal(column, "feature", keys, summary, remark)


def min_count(counts: Array, cells: str) -> tuple[int, str]:
    """Returns how often a value must occur to get an embedding, and the remark on it.

    A value that occurs once would train an embedding that helps no other row. Sharing
    the embedding of unknown values trains that embedding instead. Values that occur
    fewer than 10 or 5 times share it too if they fill at most 5 % of the rows.

    Args:
        counts: how often each value occurs.
        cells: the noun for what is counted.
    """
    if len(counts) <= FEW_VALUES or counts.min() > 1:
        return 1, ""
    rows = int(counts.sum())
    minimum = 2
    for higher in (5, 10):
        if counts[counts < higher].sum() <= 0.05 * rows:
            minimum = higher
    frequent = counts[counts >= minimum]
    share = f"{frequent.sum() / rows:.1%} of {cells}"
    return minimum, f"min_count keeps {len(frequent):,} values, {share}"


def summarize(column: ColumnProfile) -> str:
    """Returns what a column holds, in a few words."""
    if column.kind in ("empty", "other", "list"):
        return f"{column.arrow_type}{missing_share(column)}"
    names = {"whole": "whole numbers", "decimal": "numbers", "boolean": "booleans"}
    kind = names.get(column.kind, column.kind)
    numbers = column.numbers
    if numbers is None or column.distinct <= MAX_CATEGORIES or is_id(column.name):
        return f"{kind}{distinct_values(column)}: {examples(column)}"
    low, high = numbers.min(), numbers.max()
    ends = f"{low:.15g} to {high:.15g}" if high < MAX_EXACT else "above 2^53"
    return f"{kind} {ends}{distinct_values(column)}"


def distinct_values(column: ColumnProfile) -> str:
    """Returns how many values differ, and the share of missing values."""
    return f", {column.distinct:,} distinct{missing_share(column)}"


def missing_share(column: ColumnProfile) -> str:
    """Returns the share of missing values, "" if none is missing."""
    if not column.missing:
        return ""
    share = column.missing / column.rows
    return f", {share:.1%} missing" if share >= 0.001 else ", <0.1% missing"


def examples(column: ColumnProfile) -> str:
    """Returns the most frequent values."""
    return ", ".join(shorten(value) for value in column.most_frequent(3))


def shorten(value: str) -> str:
    """Returns a value on one line, cut if it is long."""
    line = "".join(c if c.isprintable() else " " for c in value)
    return line if len(line) <= 24 else f"{line[:21]}..."
