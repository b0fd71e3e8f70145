"""A proposal for one column: its use as a feature, a time or a weight, or no use."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from mtl_cli.init.column_profile import MAX_CATEGORIES, Array, ColumnProfile
from mtl_cli.init.column_summary import summarize

FEW_VALUES = 200  # so few distinct values need no min_count
MAX_VOCABULARY = 50_000  # more values are hashed
MAX_BUCKETS = 32
MAX_RAMPS = 16  # buckets without embeddings
MIN_SPIKE = 0.25  # share of the cells that hold one value
MIN_ROWS_FOR_EMBEDDINGS = 10_000
ROWS_PER_BUCKET = 50  # on average, at least
MAX_RARE_SHARE = 0.05  # of the cells that may hold values below `min_count`

Role = Literal["feature", "time", "weight", "left out"]


@dataclass(frozen=True)
class ColumnProposal:
    """The proposal for one column.

    Attributes:
        column: the column's profile.
        role: the use of the column.
        keys: the feature's keys in the YAML. For a column that is left out, the keys
            that the user may write to make it a feature. None if no feature can read
            the column.
        remark: the reason for the proposal, or what the user should check; may be "".
        warning: what the user must check; "" if there is nothing.
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
        return join_remarks(self.warning and f"WARNING: {self.warning}", self.remark)


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
        num_buckets = 2 ** min(20, math.ceil(math.log2(column.num_distinct)))
        keys = {"kind": "hashed", "num_buckets": num_buckets}
        reason = "hashed: too many values for a vocabulary"
    else:
        reason = set_min_count(keys, column.counts, "cells")
    remark = join_remarks(reason, remark)
    return ColumnProposal(column, "feature", keys, remark, warning)


def propose_numbers(column: ColumnProfile, remark: str = "") -> ColumnProposal:
    """Proposes a numeric feature; see `numeric_keys`."""
    return ColumnProposal(column, "feature", numeric_keys(column), remark)


def numeric_keys(column: ColumnProfile, missing: bool = False) -> dict[str, Any]:
    """Returns the keys of a numeric feature.

    The feature is `piecewise_linear`: each bucket of numbers gives a ramp, a number
    from 0 to 1. A column has a spike if a single value, such as 0, fills a large share
    of the cells. Then the other values often have effects of their own, so the feature
    is `bucketized`: each bucket also gets an embedding. A small table has too few rows
    to train these embeddings.

    The number of buckets is a power of 2. If it is above 4, a bucket has at least
    `ROWS_PER_BUCKET` rows on average. A column of few distinct values gets one bucket
    per value. With `missing`, missing values get a bucket even if no cell is empty.
    """
    is_spiked = (
        column.num_distinct > MAX_CATEGORIES
        and column.num_filled >= MIN_ROWS_FOR_EMBEDDINGS
        and column.counts.max() >= MIN_SPIKE * column.num_filled
    )
    affordable = max(4, column.num_filled // ROWS_PER_BUCKET)
    limit = MAX_BUCKETS if is_spiked else MAX_RAMPS
    num_buckets = min(limit, 2 ** int(math.log2(affordable)))
    if column.num_distinct <= MAX_CATEGORIES:
        num_buckets = MAX_BUCKETS
    keys: dict[str, Any] = {"kind": "piecewise_linear", "num_buckets": num_buckets}
    if is_spiked:
        keys |= {"kind": "bucketized", "ramps": True}
    if missing or column.num_missing:
        keys["missing"] = "bucket"
    return keys


def set_min_count(keys: dict[str, Any], counts: Array, counted: str) -> str:
    """Sets a vocabulary's `min_count` if it helps. Returns a remark on it, or "".

    The embedding of a value that occurs once would help no other row. With a
    `min_count` of 2, such values share the embedding of unknown values instead, and
    train it. `min_count` is 10 or 5 if the rarer values fill at most `MAX_RARE_SHARE`
    of the cells.

    Args:
        keys: the feature's keys in the YAML, to be changed.
        counts: the number of times that each value occurs.
        counted: the word in the remark for what was counted.
    """
    if len(counts) <= FEW_VALUES or counts.min() > 1:
        return ""
    total = int(counts.sum())
    keys["min_count"] = 2
    for candidate in (5, 10):
        if counts[counts < candidate].sum() <= MAX_RARE_SHARE * total:
            keys["min_count"] = candidate
    frequent = counts[counts >= keys["min_count"]]
    share = f"{frequent.sum() / total:.1%} of {counted}"
    return f"min_count keeps {len(frequent):,} values, {share}"
