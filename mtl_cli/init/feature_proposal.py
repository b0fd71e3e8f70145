"""What can be proposed for a column, and what is said of it."""

import math
from dataclasses import dataclass
from typing import Any, Literal

from mtl_cli.init.column import Array, Column
from mtl_cli.init.names import is_id

FEW = 20  # whole numbers that are not more are categories
SMALL = 200  # values that need no min_count
HUGE = 50_000  # values that need hashing
EXACT = 2**53  # whole numbers above it are no longer exact as float64
MOST_BUCKETS = 32
ROWS_A_BUCKET = 50

Role = Literal["feature", "time", "weight", "left out"]


@dataclass(frozen=True)
class Choice:
    """What is proposed for a column.

    Attributes:
        column: whose it is.
        role: what the column is taken for.
        feature: the YAML's values; of a column left out, those to take if it is not.
        seen: what the column holds.
        remark: why this was chosen, or what to look at.
    """

    column: Column
    role: Role
    feature: dict[str, Any] | None
    seen: str
    remark: str = ""


def left_out(
    column: Column, remark: str, feature: dict[str, Any] | None = None
) -> Choice:
    """Returns the choice not to use a column."""
    return Choice(column, "left out", feature, describe(column), remark)


def categories(column: Column, remark: str) -> Choice:
    """Returns the choice of an embedding for each value, or hashed."""
    feature: dict[str, Any] = {"kind": "sparse"}
    if column.distinct > HUGE:
        size = 2 ** min(20, math.ceil(math.log2(column.distinct)))
        feature = {"kind": "hashed", "num_buckets": size}
        why = "hashed: so many values are too many for a vocabulary"
    else:
        minimum, why = min_count(column.counts, "cells")
        if minimum > 1:
            feature["min_count"] = minimum
    remark = "; ".join(part for part in (why, remark) if part)
    return Choice(column, "feature", feature, describe(column), remark)


def min_count(counts: Array, what: str) -> tuple[int, str]:
    """Returns how often a value must come to get an embedding, and why.

    A value that comes once teaches its own embedding nothing that helps another row,
    but teaches the one that values unseen in training will use. Values that come
    fewer than 10 or 5 times are left out too where that costs 5 % of the rows at most.
    """
    if len(counts) <= SMALL or counts.min() > 1:
        return 1, ""
    rows = int(counts.sum())
    minimum = 2
    for more in (5, 10):
        if counts[counts < more].sum() <= 0.05 * rows:
            minimum = more
    kept = counts[counts >= minimum]
    share = f"{kept.sum() / rows:.1%} of {what}"
    return minimum, f"min_count keeps {len(kept):,} values, {share}"


def buckets(column: Column) -> dict[str, Any]:
    """Returns a bucketized feature: buckets of about 50 rows or more, 32 at most."""
    fitting = max(4, column.known // ROWS_A_BUCKET)
    number = min(MOST_BUCKETS, 2 ** int(math.log2(fitting)))
    feature: dict[str, Any] = {"kind": "bucketized", "num_buckets": number}
    if column.missing:
        feature["missing"] = "bucket"
    return feature


def describe(column: Column) -> str:
    """Returns what a column holds, in a few words."""
    if column.kind in ("empty", "other", "list"):
        return f"{column.arrow}{missing(column)}"
    if column.numbers is not None and column.distinct > FEW and not is_id(column.name):
        kind = "whole numbers" if column.kind == "whole" else "numbers"
        low, high = column.numbers.min(), column.numbers.max()
        ends = f"{low:.15g} to {high:.15g}" if high < EXACT else "above 2^53"
        return f"{kind} {ends}{distinct(column)}"
    kinds = {"whole": "whole numbers", "decimal": "numbers", "boolean": "booleans"}
    kind = kinds.get(column.kind, column.kind)
    return f"{kind}{distinct(column)}: {examples(column)}"


def distinct(column: Column) -> str:
    """Returns how many values differ and what share is missing."""
    return f", {column.distinct:,} distinct{missing(column)}"


def missing(column: Column) -> str:
    """Returns the share of missing values, "" if none is."""
    if not column.missing:
        return ""
    share = column.missing / column.rows
    return f", {share:.1%} missing" if share >= 0.001 else ", <0.1% missing"


def examples(column: Column) -> str:
    """Returns the most frequent values."""
    return ", ".join(shorten(word) for word in column.most_frequent(3))


def shorten(word: str) -> str:
    """Returns the beginning of a word that is long, on one line."""
    clean = "".join(c if c.isprintable() else " " for c in word)
    return clean if len(clean) <= 24 else f"{clean[:21]}..."
