"""Formats numbers, intervals and lists for people to read."""

import math
from collections.abc import Iterable

from mtl_cli.comparison.seed_statistics import Interval

DEFAULT_DECIMALS, MAX_DECIMALS = 4, 6
MAX_ITEMS = 8  # in one list


def significant_decimals(intervals: Iterable[Interval | None]) -> int:
    """Returns the number of decimals that metrics are shown with.

    The decimals end at the second significant digit of the median half-width: a
    half-width of 0.00053 gives 5 decimals. There are at most `MAX_DECIMALS`, and
    `DEFAULT_DECIMALS` if no half-width is known.
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
        sign: "+" writes the sign of positive means too; "" does not.
    """
    if interval is None:
        return ""
    mean = f"{interval.mean:{sign},.{decimals}f}"
    if interval.half_width is None:
        return mean
    return f"{mean} ±{interval.half_width:,.{decimals}f}"


def comma_list(items: Iterable[str]) -> str:
    """Joins items by commas. If there are too many, the text ends in `and 3 more`."""
    all_items = list(items)
    num_left_out = len(all_items) - MAX_ITEMS
    text = ", ".join(all_items[:MAX_ITEMS])
    return f"{text} and {num_left_out} more" if num_left_out > 0 else text
