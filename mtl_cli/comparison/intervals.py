"""Means over seeds with their intervals, as numbers and as text."""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from mtl_cli.statistics.significance import quantile

DEFAULT_DECIMALS, MAX_DECIMALS = 4, 6


class Interval(NamedTuple):
    """A mean over seeds, and its 95 % interval."""

    mean: float
    half_width: float | None  # of the interval; None if there are fewer than two seeds
    num_values: int  # one per seed

    @property
    def ends(self) -> tuple[float, float]:
        """The lower and the upper end; both are the mean if the width is unknown."""
        half_width = self.half_width or 0.0
        return self.mean - half_width, self.mean + half_width


def mean_interval(values: Sequence[float]) -> Interval:
    """Returns the mean of at least one value, with its t-interval."""
    x = np.asarray(values, "float64")
    if len(x) < 2:
        return Interval(float(x.mean()), None, len(x))
    error = x.std(ddof=1) / np.sqrt(len(x))
    return Interval(float(x.mean()), float(quantile(len(x) - 1) * error), len(x))


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
    """Returns `0.9266 ±0.0005`, the mean alone if its interval is unknown, or "".

    Args:
        sign: "+" writes the sign of positive means too; "" does not.
    """
    if interval is None:
        return ""
    mean = f"{interval.mean:{sign},.{decimals}f}"
    if interval.half_width is None:
        return mean
    return f"{mean} ±{interval.half_width:,.{decimals}f}"
