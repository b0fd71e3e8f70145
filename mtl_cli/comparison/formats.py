"""Formats numbers for people: with as many decimals as the noise leaves meaning."""

import math
from collections.abc import Iterable

from mtl_cli.comparison.seed_statistics import Interval

DEFAULT_DECIMALS, MAX_DECIMALS = 4, 6


def decimals_for(means: Iterable[Interval | None]) -> int:
    """Returns how many decimals show two digits of the median interval."""
    halves = sorted(mean.half for mean in means if mean is not None and mean.half)
    if not halves:
        return DEFAULT_DECIMALS
    digits = 1 - math.floor(math.log10(halves[len(halves) // 2]))
    return min(max(digits, 0), MAX_DECIMALS)


def interval(value: Interval | None, decimals: int, sign: str = "") -> str:
    """Returns `0.9266 ±0.0005`, or the mean alone if it has no interval."""
    if value is None:
        return ""
    mean = f"{value.mean:{sign},.{decimals}f}"
    return mean if value.half is None else f"{mean} ±{value.half:,.{decimals}f}"


def probability(p: float) -> str:
    """Returns `p = 0.031`, or `p < 0.001`."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def joined(parts: Iterable[str], maximum: int = 8) -> str:
    """Returns parts separated by commas; cuts a long list, and says so."""
    every = list(parts)
    more = len(every) - maximum
    return ", ".join(every[:maximum]) + (f" and {more} more" if more > 0 else "")
