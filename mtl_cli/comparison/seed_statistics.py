"""Intervals and tests over seeds, and the correction for many comparisons.

All functions take and return plain numbers. The distributions come from
`scipy.special`: importing `scipy.stats` would take longer than the whole command.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import fdtrc

from mtl_cli.statistics.significance import Test, quantile, t_test

# The noise of two configurations is compared with the noise of all others in one-sided
# F-tests: a p-value below these levels means that the two are noisier, or quieter.
NOISIER_LEVEL, QUIETER_LEVEL = 0.2, 0.02


class Interval(NamedTuple):
    """A mean and its 95 % interval.

    Attributes:
        mean: the mean of the values.
        half_width: half of the interval's width; None with fewer than two values.
        num_values: the number of values.
    """

    mean: float
    half_width: float | None
    num_values: int

    @property
    def ends(self) -> tuple[float, float]:
        """Lower and upper end; both are the mean if the width is unknown."""
        half_width = self.half_width or 0.0
        return self.mean - half_width, self.mean + half_width


class Noise(NamedTuple):
    """The spread of values around the means of their groups.

    Attributes:
        sum_of_squares: the sum of the squared distances to the means.
        degrees_of_freedom: the number of values minus the number of groups.
    """

    sum_of_squares: float
    degrees_of_freedom: int

    def __sub__(self, other: "Noise") -> "Noise":
        return Noise(
            self.sum_of_squares - other.sum_of_squares,
            self.degrees_of_freedom - other.degrees_of_freedom,
        )


NO_NOISE = Noise(0.0, 0)


def mean_interval(values: Sequence[float]) -> Interval:
    """Returns the mean and its t-interval."""
    x = np.asarray(values, "float64")
    if len(x) < 2:
        return Interval(float(x.mean()), None, len(x))
    error = x.std(ddof=1) / np.sqrt(len(x))
    return Interval(float(x.mean()), float(quantile(len(x) - 1) * error), len(x))


def paired_difference(a: dict[int, float], b: dict[int, float]) -> Interval | None:
    """Returns the mean of a minus b over their common seeds, with its t-interval."""
    seeds = [seed for seed in a if seed in b]
    return mean_interval([a[s] - b[s] for s in seeds]) if seeds else None


def common_seeds(
    a: dict[int, float], b: dict[int, float]
) -> tuple[list[float], list[float]]:
    """Returns the values of the common seeds, or all values if fewer than two are."""
    common = [seed for seed in a if seed in b]
    if len(common) < 2:
        return list(a.values()), list(b.values())
    return [a[seed] for seed in common], [b[seed] for seed in common]


def seed_test(
    a: Sequence[float], b: Sequence[float], others: Noise = NO_NOISE
) -> Test | None:
    """Tests whether two configurations differ by more than retraining does.

    The test is Student's t-test. More seeds give a better estimate of the noise, so the
    noise of the other configurations is pooled with the noise of the two, unless the
    two are noisier (F-test, 20 %) or far quieter (2 %).

    The test assumes that the seeds of different configurations are independent. If they
    are correlated, the test calls a difference real too rarely, not too often.

    Args:
        a: values of the first configuration, one per seed.
        b: values of the second configuration, one per seed.
        others: the noise of all other configurations.

    Returns: None if one of the two has fewer than two seeds.
    """
    if min(len(a), len(b)) < 2:
        return None
    squares, freedom = pooled_noise([a, b])
    if others.degrees_of_freedom > 0 and others.sum_of_squares > 0:
        other_squares, other_freedom = others
        ratio = (squares / freedom) / (other_squares / other_freedom)
        if NOISIER_LEVEL <= fdtrc(freedom, other_freedom, ratio) <= 1 - QUIETER_LEVEL:
            squares, freedom = squares + other_squares, freedom + other_freedom
    error = np.sqrt(squares / freedom * (1 / len(a) + 1 / len(b)))
    return t_test(float(np.mean(a) - np.mean(b)), float(error), freedom)


def pooled_noise(groups: Sequence[Sequence[float]]) -> Noise:
    """Returns the noise of several groups of values."""
    squares = sum(float(np.var(x)) * len(x) for x in groups if len(x))
    return Noise(squares, sum(len(x) - 1 for x in groups if len(x)))
