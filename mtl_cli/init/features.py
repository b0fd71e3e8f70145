"""Proposes what a column is as a feature, as a careful person would."""

from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np

from mtl_cli.init.column import Array, Column
from mtl_cli.init.feature_proposal import (
    EXACT,
    FEW,
    Choice,
    buckets,
    categories,
    describe,
    distinct,
    left_out,
    shorten,
)
from mtl_cli.init.names import (
    BIRTHS,
    TIMES,
    WEIGHTS,
    is_amount,
    is_entity,
    is_id,
    words,
)
from mtl_cli.init.text_columns import sequence, spoilt, text


def propose(column: Column) -> Choice:
    """Returns what is proposed for a column that is no label."""
    rules: list[Callable[[Column], Choice | None]] = [
        unreadable,
        constant,
        time,
        weight,
        spoilt,
        sequence,
        decimal,
        whole,
        text,
    ]
    found = (rule(column) for rule in rules)
    return next(choice for choice in found if choice is not None)


def unreadable(column: Column) -> Choice | None:
    """Leaves out what no feature can read."""
    if column.kind == "empty":
        return left_out(column, "empty in all rows")
    if not column.name:
        return left_out(column, "has no name")
    if "${" in column.name:
        return left_out(column, "configs cannot hold '${': rename it")
    if column.kind == "other":
        return left_out(column, f"no feature reads {column.arrow}: convert it")
    return None


def constant(column: Column) -> Choice | None:
    """Leaves out a column that always says the same."""
    if column.kind != "list" and column.distinct == 1 and not column.missing:
        return left_out(column, f"always {shorten(column.values[0].as_py())}")
    return None


def time(column: Column) -> Choice | None:
    """Takes times for what rows are ordered by, not for a feature."""
    first, last = "", ""
    if column.kind == "time":
        ends = sorted(column.values.to_pylist())
        first, last = ends[0], ends[-1]
    elif column.numbers is not None and TIMES.search(column.name):
        first, last = epoch_ends(column.numbers)
    if not first:
        return None
    seen = f"times {first[:19]} to {last[:19]}{distinct(column)}"
    birth = BIRTHS & set(words(column.name))
    remark = (
        "no feature as it is: make an age of it"
        if birth
        else "no feature: the times of new rows are new"
    )
    return Choice(column, "time", None, seen, remark)


def epoch_ends(numbers: Array) -> tuple[str, str]:
    """Returns the first and last time of seconds since 1970 or YYYYMMDD, or "", ""."""
    low, high = float(numbers.min()), float(numbers.max())
    for unit in (1, 1e3, 1e6, 1e9):
        if low / unit >= 6e8 and high / unit <= 2.5e9:  # 1989 to 2049
            first, last = (
                datetime.fromtimestamp(x / unit, UTC).isoformat(" ")
                for x in (low, high)
            )
            return first, last
    if low < 1.9e7 or high >= 2.1e7:
        return "", ""
    try:
        for number in numbers:
            datetime.strptime(f"{number:.0f}", "%Y%m%d")
    except ValueError:
        return "", ""
    return f"{low:.0f}", f"{high:.0f}"


def weight(column: Column) -> Choice | None:
    """Takes a column for what each row counts, if its name says so."""
    if column.numbers is None or not WEIGHTS.match(column.name):
        return None
    remark = f"by its name, for weight_column: {column.name}"
    return Choice(column, "weight", buckets(column), describe(column), remark)


def decimal(column: Column) -> Choice | None:
    """Cuts numbers with decimals into buckets."""
    if column.kind != "decimal" or column.numbers is None:
        return None
    finite = np.isfinite(column.numbers)
    if not finite.all():
        cells = int(column.counts[~finite].sum())
        remark = f"infinite in {cells:,} cells: empty them"
        return left_out(column, remark, {**buckets(column), "missing": "bucket"})
    if is_id(column.name) and (column.numbers % 1 == 0).all() and column.distinct > FEW:
        remark = "whole numbers stored with decimals, as pandas does where cells are "
        remark += "missing; ids above 2^53 change: store them as whole numbers or text"
        if not column.in_text:
            return left_out(column, remark)
        return categories(column, remark)
    return Choice(column, "feature", buckets(column), describe(column))


def whole(column: Column) -> Choice | None:
    """Tells ids and categories from amounts."""
    if column.kind not in ("whole", "boolean"):
        return None
    if column.numbers is None or column.distinct <= FEW:
        return Choice(column, "feature", {"kind": "sparse"}, describe(column))
    numbers = column.numbers
    amount = is_amount(column.name)
    huge = np.abs(numbers).max() > EXACT
    if not amount and column.unique:
        instead = None if is_entity(column.name) else buckets(column)
        return left_out(column, "differs in nearly every row", instead)
    if is_id(column.name) or huge:
        return categories(column, "ids above 2^53, kept exact" if huge else "")
    if not amount and (is_entity(column.name) or repeats_like_ids(column)):
        remark = "taken for ids; if amounts, {kind: bucketized, num_buckets: 32}"
        return categories(column, remark)
    remark = "" if amount else "taken for amounts; if codes, {kind: sparse}"
    return Choice(column, "feature", buckets(column), describe(column), remark)


def repeats_like_ids(column: Column) -> bool:
    """Whether many whole numbers each come many times, and none of them is special."""
    if column.numbers is None or column.numbers.min() < 0:
        return False
    many = column.distinct >= 1000 and column.known >= 5 * column.distinct
    return many and bool(column.counts.max() < 0.25 * column.known)
