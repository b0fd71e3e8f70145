"""A proposal for one column: its use as a feature, a time or a weight, or no use."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from mtl_cli.init.column_profile import MAX_CATEGORIES, Array, ColumnProfile
from mtl_cli.init.column_summary import summarize

# A column with at most this number of distinct values needs no `min_count`, see
# `min_count_keys`.
FEW_VALUES = 200
# If a column has more distinct values than this number, the values are hashed.
MAX_VOCABULARY = 50_000
# The largest number of hash buckets, as a power of 2.
MAX_LOG2_HASH_BUCKETS = 20
# The largest numbers of buckets of a numeric feature. The second number is for columns
# of more than `MAX_CATEGORIES` distinct values whose buckets have no embeddings.
MAX_BUCKETS = 32
MAX_BUCKETS_WITHOUT_EMBEDDINGS = 16
MIN_BUCKETS = 4  # the number of buckets for a column of many values in few rows
# A value is a spike if it fills at least this share of the cells.
MIN_SPIKE = 0.25
MIN_ROWS_FOR_EMBEDDINGS = 10_000
ROWS_PER_BUCKET = 50  # the smallest mean number of rows in a bucket
# With a `min_count` of 5 or 10, rarer values fill at most this share of the cells.
MAX_RARE_SHARE = 0.05

Role = Literal["feature", "time", "weight", "left out"]


@dataclass(frozen=True)
class ColumnProposal:
    """The proposal for one column.

    Attributes:
        column: the column's profile.
        role: the use of the column.
        keys: the feature's keys in the YAML. For a column that is left out, the keys
            that the user may write to make it a feature. None if the column would make
            no useful feature.
        remark: the reason for the proposal, or what the user should check; may be "".
        warning: what the user must check; "" if the user need not check anything.
        may_leak: whether the column may be known only after the prediction.
    """

    column: ColumnProfile
    role: Role
    keys: dict[str, Any] | None = None
    remark: str = ""
    warning: str = ""
    may_leak: bool = False

    @property
    def is_feature(self) -> bool:
        """Whether the column is used as a feature."""
        return self.role == "feature"

    @cached_property
    def summary(self) -> str:
        """A description of the column's values, in a few words."""
        return summarize(self.column)

    @property
    def explanation(self) -> str:
        """The warning and the remark."""
        warning = f"WARNING: {self.warning}" if self.warning else ""
        return join_remarks(warning, self.remark)


def join_remarks(*remarks: str) -> str:
    """Joins the remarks that are not empty to one text."""
    return "; ".join(filter(None, remarks))


def leave_out(
    column: ColumnProfile, remark: str, keys: dict[str, Any] | None = None
) -> ColumnProposal:
    """Proposes to leave out a column; see `ColumnProposal` for the arguments."""
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


def propose_numbers(
    column: ColumnProfile, remark: str = "", warning: str = ""
) -> ColumnProposal:
    """Proposes a numeric feature; see `numeric_keys`."""
    return ColumnProposal(column, "feature", numeric_keys(column), remark, warning)


def numeric_keys(column: ColumnProfile, missing: bool = False) -> dict[str, Any]:
    """Returns the keys of a numeric feature.

    The feature is usually `piecewise_linear`: each bucket of numbers gives a ramp, a
    number from 0 to 1. The exception is a column with a spike: a single value, such as
    0, that fills a large share of the cells. The effects of the other values often
    differ from bucket to bucket, so the feature is `bucketized`: each bucket also gets
    an embedding. A small table has too few rows to train these embeddings.

    Args:
        column: a column of numbers, or of text that a user may convert to numbers.
        missing: whether missing values get a bucket even if no cell is empty.
    """
    is_spiked = (
        column.num_distinct > MAX_CATEGORIES
        and column.num_filled >= MIN_ROWS_FOR_EMBEDDINGS
        and column.counts.max() >= MIN_SPIKE * column.num_filled
    )
    keys: dict[str, Any] = {
        "kind": "bucketized" if is_spiked else "piecewise_linear",
        "num_buckets": max_num_buckets(column, is_spiked),
    }
    if is_spiked:
        keys["ramps"] = True
    if missing or column.num_missing:
        keys["missing"] = "bucket"
    return keys


def max_num_buckets(column: ColumnProfile, has_embeddings: bool) -> int:
    """Returns the largest number of buckets of a numeric feature, a power of 2.

    A column of few distinct values gets one bucket per value. A column of many values
    gets fewer buckets in a small table: at least `ROWS_PER_BUCKET` rows per bucket on
    average, but never fewer than `MIN_BUCKETS` buckets.
    """
    if column.num_distinct <= MAX_CATEGORIES:
        return MAX_BUCKETS
    max_buckets = MAX_BUCKETS if has_embeddings else MAX_BUCKETS_WITHOUT_EMBEDDINGS
    most_for_rows = max(MIN_BUCKETS, column.num_filled // ROWS_PER_BUCKET)
    log2_buckets = int(math.log2(min(max_buckets, most_for_rows)))
    num_buckets: int = 2**log2_buckets
    return num_buckets


def min_count_keys(counts: Array, noun: str) -> tuple[dict[str, Any], str]:
    """Returns the key `min_count` of a vocabulary, and a remark on the key.

    Values that occur less often than `min_count` have no embeddings of their own: they
    share and train the embedding of unknown values. `min_count` is at least 2, since
    the embedding of a value that occurs once would help no other row. `min_count` is 5
    or 10 if the rarer values fill at most `MAX_RARE_SHARE` of the cells.

    Returns ({}, "") if there are few values, if no value occurs only once, or if every
    value occurs only once.

    Args:
        counts: the number of times that each value occurs.
        noun: the noun for what was counted, such as "the cells", for the remark.
    """
    if len(counts) <= FEW_VALUES or counts.min() > 1 or counts.max() == 1:
        return {}, ""
    total = int(counts.sum())
    min_count = 2
    for candidate in (5, 10):
        if counts[counts < candidate].sum() <= MAX_RARE_SHARE * total:
            min_count = candidate
    frequent = counts[counts >= min_count]
    share = frequent.sum() / total
    remark = (
        f"min_count keeps {len(frequent):,} values, which are {share:.1%} of {noun}"
    )
    return {"min_count": min_count}, remark
