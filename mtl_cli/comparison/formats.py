"""Writes numbers and lists for people."""

import math
from collections.abc import Iterable

from mtl_cli.comparison.seed_statistics import Interval

DEFAULT_DECIMALS, MAX_DECIMALS = 4, 6


def significant_decimals(intervals: Iterable[Interval | None]) -> int:
    """Returns the number of decimals that shows 2 digits of the median half-width.

    For example 5 if the median half-width is 0.00053. The number is at most 6, and 4 if
    no half-width is known.
    """
    half_widths = sorted(
        i.half_width for i in intervals if i is not None and i.half_width
    )
    if not half_widths:
        return DEFAULT_DECIMALS
    decimals = 1 - math.floor(math.log10(half_widths[len(half_widths) // 2]))
    return min(max(decimals, 0), MAX_DECIMALS)


def interval_text(interval: Interval | None, decimals: int, sign: str = "") -> str:
    """Returns `0.9266 ±0.0005`, or the mean alone if its interval is unknown.

    Args:
        interval: the mean with its interval; None gives an empty text.
        decimals: the number of decimals.
        sign: `+` writes the sign of positive numbers too.
    """
    if interval is None:
        return ""
    mean = f"{interval.mean:{sign},.{decimals}f}"
    if interval.half_width is None:
        return mean
    return f"{mean} ±{interval.half_width:,.{decimals}f}"


def comma_list(items: Iterable[str], maximum: int = 8) -> str:
    """Returns items separated by commas; a long list ends in `and 3 more`."""
    all_items = list(items)
    more = len(all_items) - maximum
    shown = ", ".join(all_items[:maximum])
    return f"{shown} and {more} more" if more > 0 else shown
