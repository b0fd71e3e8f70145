"""A proposal for one column: a feature, a time, a weight, or nothing."""

import math
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from mtl_cli.init.column_profile import MAX_CATEGORIES, Array, ColumnProfile
from mtl_cli.init.column_summary import examples, missing_share, summarize

FEW_VALUES = 200  # at most 200 distinct values need no min_count
MAX_VOCABULARY = 50_000  # more values are hashed
MAX_BUCKETS = 32
MAX_RAMPS = 16
SPIKE = 0.25  # share of the cells that hold one value
ROWS_FOR_EMBEDDINGS = 10_000
ROWS_PER_BUCKET = 50

Role = Literal["feature", "time", "weight", "left out"]


@dataclass(frozen=True)
class ColumnProposal:
    """The proposal for one column.

    Attributes:
        column: the column's profile.
        role: the use of the column.
        keys: the feature's keys in the YAML. For a column left out, the keys to write
            if the user wants the feature after all; None if no feature can read it.
        summary: what the column holds, in a few words.
        remark: the reason for the proposal, or what the user should check; "" if
            neither is needed.
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

    def with_warning(self, problem: str) -> "ColumnProposal":
        """Returns the proposal with a warning in front of its remark.

        Args:
            problem: why the column may be known only after the prediction.
        """
        warning = f"WARNING: {problem}; is it known before? If not, remove it"
        return replace(self, remark=join_remarks(warning, self.remark))


def join_remarks(*remarks: str) -> str:
    """Returns one text of the remarks that are not empty."""
    return "; ".join(filter(None, remarks))


def leave_out(
    column: ColumnProfile, remark: str, keys: dict[str, Any] | None = None
) -> ColumnProposal:
    """Proposes not to use a column; see `ColumnProposal` for the arguments."""
    return ColumnProposal(column, "left out", keys, summarize(column), remark)


def propose_categories(column: ColumnProfile, remark: str = "") -> ColumnProposal:
    """Proposes one embedding per value, or per hash if there are very many values."""
    keys: dict[str, Any] = {"kind": "sparse"}
    if column.num_distinct > MAX_VOCABULARY:
        num_buckets = 2 ** min(20, math.ceil(math.log2(column.num_distinct)))
        keys = {"kind": "hashed", "num_buckets": num_buckets}
        reason = "hashed: so many values are too many for a vocabulary"
    else:
        minimum, reason = min_count(column.counts, "cells")
        if minimum > 1:
            keys["min_count"] = minimum
    remark = join_remarks(reason, remark)
    return ColumnProposal(column, "feature", keys, summarize(column), remark)


def propose_numbers(column: ColumnProfile, remark: str = "") -> ColumnProposal:
    """Proposes how numbers enter the network: as ramps, and with spikes as buckets too.

    A column has a spike if a single value, such as 0, fills a large share of it. Each
    of the other values then often has its own effect, so buckets with embeddings help.
    A small table has too few rows to train these embeddings.
    """
    keys = numeric_keys(column)
    return ColumnProposal(column, "feature", keys, summarize(column), remark)


def numeric_keys(column: ColumnProfile, missing: bool = False) -> dict[str, Any]:
    """Returns the keys of a feature of numbers.

    The number of buckets is a power of 2, and from 8 on, the buckets have 50 rows or
    more on average. A column of few distinct values gets a bucket for each.

    Args:
        column: the column's profile.
        missing: whether to provide for missing values even if no cell is empty.
    """
    is_spiked = (
        column.num_distinct > MAX_CATEGORIES
        and column.num_filled >= ROWS_FOR_EMBEDDINGS
        and column.counts.max() >= SPIKE * column.num_filled
    )
    largest = MAX_BUCKETS if is_spiked else MAX_RAMPS
    max_buckets = max(4, column.num_filled // ROWS_PER_BUCKET)
    num_buckets = min(largest, 2 ** int(math.log2(max_buckets)))
    if column.num_distinct <= MAX_CATEGORIES:
        num_buckets = MAX_BUCKETS
    keys: dict[str, Any] = {"kind": "piecewise_linear", "num_buckets": num_buckets}
    if is_spiked:
        keys |= {"kind": "bucketized", "ramps": True}
    if missing or column.num_missing:
        keys["missing"] = "bucket"
    return keys


def propose_sequence(column: ColumnProfile, separator: str | None) -> ColumnProposal:
    """Proposes an embedding for each value of a list.

    Args:
        column: the profile of a column of lists.
        separator: the text between the values of lists that are written as text; None
            for a list column.
    """
    elements, lengths = column.elements, column.lengths
    if elements is None or lengths is None:
        raise ValueError(f"{column.name}: expected a column of lists")
    max_length = max(1, math.ceil(np.quantile(lengths, 0.95)))
    keys: dict[str, Any] = {"kind": "sequence", "max_length": max_length}
    if separator is not None:
        keys["separator"] = separator
    minimum, remark = min_count(elements.counts, "all values")
    if minimum > 1:
        keys["min_count"] = minimum
    summary = f"lists of {lengths.min()} to {lengths.max()}, {elements.num_distinct:,} "
    summary += f"distinct: {examples(elements)}{missing_share(column)}"
    return ColumnProposal(column, "feature", keys, summary, remark)


def min_count(counts: Array, counted: str) -> tuple[int, str]:
    """Returns a vocabulary's `min_count`, and a remark on it: "" for 1.

    A value that occurs once would train an embedding that helps no other row. Without
    an embedding of its own, it helps to train the embedding of unknown values. Values
    that occur fewer than 10 (or else 5) times lose their embedding too if together they
    fill at most 5 % of the cells.

    Args:
        counts: the number of times that each value occurs.
        counted: what was counted, for the remark: `cells` or `all values`.
    """
    if len(counts) <= FEW_VALUES or counts.min() > 1:
        return 1, ""
    total = int(counts.sum())
    minimum = 2
    for higher in (5, 10):
        if counts[counts < higher].sum() <= 0.05 * total:
            minimum = higher
    frequent = counts[counts >= minimum]
    share = f"{frequent.sum() / total:.1%} of {counted}"
    return minimum, f"min_count keeps {len(frequent):,} values, {share}"
