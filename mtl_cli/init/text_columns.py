"""Proposes what a column of text or lists is as a feature."""

import math
from typing import Any

import numpy as np

from mtl_cli.init.column import Column, matches, split
from mtl_cli.init.feature_proposal import (
    FEW,
    Choice,
    buckets,
    categories,
    examples,
    left_out,
    min_count,
    missing,
    shorten,
)
from mtl_cli.init.names import is_id

FREE_TEXT = 40  # characters
DATE = (
    r"^([0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}|[0-9]{1,2}[-/.][0-9]{1,2}[-/.][0-9]{2,4})"
    r"([ T].*)?$"
)
# Of lists written as text, and the share of cells that must hold one.
SEPARATORS = {"|": 0.2, ";": 0.2, ", ": 0.5, ",": 0.5, " ": 0.5}


def sequence(column: Column) -> Choice | None:
    """Takes lists for what they are, also those written as text."""
    separator = None
    if column.kind == "text":
        separator = separator_of(column)
        if separator is None:
            return None
        column = split(column, separator)
    elements, lengths = column.elements, column.lengths
    if column.kind != "list" or elements is None or lengths is None:
        return None
    if elements.kind not in ("text", "whole", "boolean") and not elements.in_text:
        return left_out(column, f"no feature reads lists of {elements.arrow}")
    if elements.counts.max() == 1:
        return left_out(column, "lists of values that never come twice")
    longest = max(1, math.ceil(np.quantile(lengths, 0.95)))
    feature: dict[str, Any] = {"kind": "sequence", "max_length": longest}
    if separator is not None:
        feature["separator"] = separator
    minimum, remark = min_count(elements.counts, "all values")
    if minimum > 1:
        feature["min_count"] = minimum
    seen = f"lists of {lengths.min()} to {lengths.max()}"
    seen += f", {elements.distinct:,} distinct: {examples(elements)}{missing(column)}"
    return Choice(column, "feature", feature, seen, remark)


def separator_of(column: Column) -> str | None:
    """Returns what separates the values in cells that are lists, or None.

    A list's values recur in other cells; those of a sentence do so less, and those of
    a list separated by spaces are ids, with digits.
    """
    for separator, share in SEPARATORS.items():
        holds = matches(column.values, literal(separator))
        having = int(column.counts[holds.to_numpy(zero_copy_only=False)].sum())
        if having < share * column.known:
            continue
        parts = split(column, separator).elements
        if parts is None or parts.distinct > 0.6 * column.distinct:
            continue
        if separator == " ":
            digits = matches(parts.values, "[0-9]").to_numpy(zero_copy_only=False)
            if parts.counts[digits].sum() < 0.9 * parts.counts.sum():
                continue
        return separator
    return None


def literal(text: str) -> str:
    """Returns the pattern of a text."""
    return f"[{text[0]}]{text[1:]}"


def spoilt(column: Column) -> Choice | None:
    """Leaves out text that is nearly something else, and says how to mend it."""
    if column.kind != "text":
        return None
    odd, cells = column.not_numbers()
    if len(odd) <= 5 and column.distinct - len(odd) > FEW and not is_id(column.name):
        shown = ", ".join(f"'{shorten(word)}'" for word in odd)
        remark = f"numbers but for {shown} in {cells:,} cells: empty them"
        return left_out(column, remark, {**buckets(column), "missing": "bucket"})
    for pattern, remark in (
        (r"^-?[0-9]+,[0-9]+$", "numbers with a decimal comma: write a point"),
        (DATE, "dates: write them as 2024-12-31"),
        (r"^\[.*\]$", "lists in brackets: write them as a|b|c"),
        (r"^\{.*\}$", "records: make a column of each of their parts"),
    ):
        holds = matches(column.values, pattern).to_numpy(zero_copy_only=False)
        if column.distinct > 1 and holds.mean() > 0.9:
            return left_out(column, remark)
    return None


def text(column: Column) -> Choice | None:
    """Takes words for categories, but not sentences and what is always different."""
    lengths = np.array([len(word) for word in column.values.to_pylist()])
    mean = float(np.average(lengths, weights=column.counts))
    if mean > FREE_TEXT and column.distinct > 0.3 * column.known:
        return left_out(column, "free text")
    if column.unique and column.distinct > FEW:
        return left_out(column, "differs in nearly every row")
    return categories(column, "")
