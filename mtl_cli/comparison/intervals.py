"""Means over seeds with their intervals, as numbers and as text."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mtl_cli.statistics.significance import quantile

MAX_IN_DIGITS = 1e12  # larger numbers are written as 1e+12


class Interval(NamedTuple):
    """A mean over seeds, and its 95 % interval.

    Attributes:
        mean: the mean.
        half_width: half of the width of the interval; None if the width is unknown,
            because there are fewer than two seeds.
        num_values: the number of values, one per seed; 0 for a difference of two means
            over different seeds.
    """

    mean: float
    half_width: float | None
    num_values: int

    @property
    def ends(self) -> tuple[float, float]:
        """The lower and the upper end; both are the mean if the width is unknown."""
        half_width = 0.0 if self.half_width is None else self.half_width
        return self.mean - half_width, self.mean + half_width


def mean_interval(values: Sequence[float]) -> Interval:
    """Returns the mean of at least one value, with its t-interval."""
    x = np.asarray(values, "float64")
    if len(x) < 2:
        return Interval(float(x.mean()), None, len(x))
    error = x.std(ddof=1) / np.sqrt(len(x))
    return Interval(float(x.mean()), float(quantile(len(x) - 1) * error), len(x))


def interval_text(interval: Interval | None, decimals: int, sign: str = "") -> str:
    """Returns `0.9266 ±0.0005`, or the mean alone if its interval is unknown.

    `sign` is "+" to write the sign of positive means too.
    """
    if interval is None:
        return ""
    mean = mean_text(interval.mean, decimals, sign)
    if interval.half_width is None:
        return mean
    return f"{mean} ±{mean_text(interval.half_width, decimals, '')}"


def mean_text(mean: float, decimals: int, sign: str = "+") -> str:
    """Writes a mean, such as `+0.0120`; one that is rounded to 0 has no sign.

    A huge number, as in a damaged `metrics.json`, is written with few digits.

    >>> mean_text(0.04, 2), mean_text(-0.04, 2), mean_text(-0.004, 2)
    ('+0.04', '-0.04', '0.00')
    >>> mean_text(1e99, 4)
    '+1e+99'
    """
    if round(mean, decimals) == 0:
        sign = ""
    digits = f",.{decimals}f" if abs(mean) < MAX_IN_DIGITS else ".4g"
    return f"{mean:{sign}z{digits}}"
