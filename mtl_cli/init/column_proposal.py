"""A proposal for one column: its use as a feature, a time or a weight, or no use."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from mtl_cli.init.column_profile import MAX_CATEGORIES, Array, ColumnProfile
from mtl_cli.init.column_summary import summarize

# A column with at most this number of distinct values needs no `min_count`.
MAX_VALUES_WITHOUT_MIN_COUNT = 200
# `min_count` is 5 or 10 only if rarer values fill at most this share of the cells.
MAX_RARE_SHARE = 0.05
# If a column has more distinct values than this number, the values are hashed.
MAX_VOCABULARY = 50_000
MAX_LOG2_HASH_BUCKETS = 20  # at most 2^20 hash buckets
# The limits of the number of buckets of a numeric feature, see `max_num_buckets`.
MAX_BUCKETS = 32
MAX_BUCKETS_WITHOUT_EMBEDDINGS = 16
MIN_BUCKETS = 4
ROWS_PER_BUCKET = 50
# A value is a spike if it fills at least this share of the cells, see `numeric_keys`.
MIN_SPIKE_SHARE = 0.25
MIN_ROWS_FOR_EMBEDDINGS = 10_000

Role = Literal["feature", "time", "weight", "request", "leak", "left out"]


@dataclass(frozen=True)
class ColumnProposal:
    """The proposal for one column.

    Attributes:
        keys: the feature's keys in the YAML. For a column that is not a feature, the
            keys that would make it one; None if it would not be a useful feature.
        remark: the reason for the proposal, or what the user should check; may be "".
        warning: what the user must check, or "".
    """

    column: ColumnProfile
    role: Role
    keys: dict[str, Any] | None = None
    remark: str = ""
    warning: str = ""

    @property
    def is_feature(self) -> bool:
        return self.role == "feature"

    @cached_property
    def summary(self) -> str:
        return summarize(self.column)

    @property
    def explanation(self) -> str:
        warning = f"WARNING: {self.warning}" if self.warning else ""
        return join_remarks(warning, self.remark)


def join_remarks(*remarks: str) -> str:
    return "; ".join(filter(None, remarks))


def leave_out(
    column: ColumnProfile, remark: str, keys: dict[str, Any] | None = None
) -> ColumnProposal:
    return ColumnProposal(column, "left out", keys, remark)


def propose_categories(
    column: ColumnProfile, remark: str = "", warning: str = ""
) -> ColumnProposal:
    """Proposes one embedding per value, or per hash bucket if there are many values."""
    keys: dict[str, Any] = {"kind": "sparse"}
    if column.num_distinct > MAX_VOCABULARY:
        log2_buckets = math.ceil(math.log2(column.num_distinct))
        num_buckets = 2 ** min(MAX_LOG2_HASH_BUCKETS, log2_buckets)
        keys = {"kind": "hashed", "num_buckets": num_buckets}
        reason = "the values are hashed, as they are too many for a vocabulary"
    else:
        more_keys, reason = min_count_keys(column.counts, "the cells")
        keys |= more_keys
    remark = join_remarks(reason, remark)
    return ColumnProposal(column, "feature", keys, remark, warning)


def propose_numbers(column: ColumnProfile, remark: str = "") -> ColumnProposal:
    return ColumnProposal(column, "feature", numeric_keys(column), remark)


def numeric_keys(column: ColumnProfile) -> dict[str, Any]:
    """Returns the keys of a numeric feature.

    The feature is usually `piecewise_linear`: each bucket of numbers gives a ramp, a
    number from 0 to 1. The exception is a column with a spike: a single value, such as
    0, that fills a large share of the cells. The effects of the other values often
    differ from bucket to bucket, so the feature is `bucketized`: each bucket also gets
    an embedding. A small table has too few rows to train these embeddings.
    """
    needs_embeddings = (
        column.num_distinct > MAX_CATEGORIES
        and column.num_filled >= MIN_ROWS_FOR_EMBEDDINGS
        and column.counts.max() >= MIN_SPIKE_SHARE * column.num_filled
    )
    num_buckets = max_num_buckets(column, needs_embeddings)
    keys: dict[str, Any] = {"kind": "piecewise_linear", "num_buckets": num_buckets}
    if needs_embeddings:
        keys |= {"kind": "bucketized", "ramps": True}
    if column.num_missing:
        keys["missing"] = "bucket"
    return keys


def max_num_buckets(column: ColumnProfile, has_embeddings: bool) -> int:
    """Returns the largest number of buckets of a numeric feature, a power of 2.

    A small table gets fewer buckets, of `ROWS_PER_BUCKET` rows or more on average.
    """
    if column.num_distinct <= MAX_CATEGORIES:
        return MAX_BUCKETS  # training makes one bucket per distinct value
    max_buckets = MAX_BUCKETS if has_embeddings else MAX_BUCKETS_WITHOUT_EMBEDDINGS
    max_for_rows = max(MIN_BUCKETS, column.num_filled // ROWS_PER_BUCKET)
    return 1 << int(math.log2(min(max_buckets, max_for_rows)))


def min_count_keys(counts: Array, noun: str) -> tuple[dict[str, Any], str]:
    """Returns the key `min_count` of a vocabulary, and a remark on the key.

    Values that occur less often than `min_count` have no embeddings of their own: they
    share and train the embedding of unknown values. `min_count` is at least 2, since
    the embedding of a value that occurs once would help no other row.

    Returns ({}, "") if there are few values, if no value occurs only once, or if every
    value occurs only once. `noun` is what was counted, such as "the cells".
    """
    has_few_values = len(counts) <= MAX_VALUES_WITHOUT_MIN_COUNT
    if has_few_values or counts.min() > 1 or counts.max() == 1:
        return {}, ""
    total = int(counts.sum())
    min_count = 2
    for candidate in (5, 10):
        if counts[counts < candidate].sum() <= MAX_RARE_SHARE * total:
            min_count = candidate
    kept_counts = counts[counts >= min_count]
    num_kept, share = len(kept_counts), kept_counts.sum() / total
    remark = f"min_count keeps {num_kept:,} values, which are {share:.1%} of {noun}"
    return {"min_count": min_count}, remark
