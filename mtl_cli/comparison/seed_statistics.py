"""Intervals and tests over the scores of several seeds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.special import fdtrc

from mtl_cli.statistics.significance import Test, quantile, t_test

# The noise of two configurations is compared with the noise of all others by one-sided
# F-tests. The two configurations are noisier if the p-value of one test is below the
# first level, and quieter if the p-value of the other test is below the second level.
NOISIER_LEVEL, QUIETER_LEVEL = 0.2, 0.02


class Interval(NamedTuple):
    """A mean over seeds, and its 95 % interval.

    Attributes:
        mean: the mean of the values.
        half_width: half of the interval's width; None if it is unknown, because there
            are fewer than two values.
        num_values: the number of values, one per seed.
    """

    mean: float
    half_width: float | None
    num_values: int

    @property
    def ends(self) -> tuple[float, float]:
        """The lower and the upper end; both are the mean if the width is unknown."""
        half_width = self.half_width or 0.0
        return self.mean - half_width, self.mean + half_width


@dataclass(frozen=True)
class Noise:
    """How much scores vary between seeds, pooled over several configurations.

    Attributes:
        sum_of_squares: the sum over all scores of the squared distance to the mean of
            the score's configuration.
        degrees_of_freedom: the number of scores minus the number of configurations.
    """

    sum_of_squares: float
    degrees_of_freedom: int

    @property
    def variance(self) -> float:
        """The variance of the scores of one configuration."""
        return self.sum_of_squares / self.degrees_of_freedom

    def __add__(self, other: "Noise") -> "Noise":
        """Returns the noise of the configurations of `self` and `other` together."""
        return Noise(
            self.sum_of_squares + other.sum_of_squares,
            self.degrees_of_freedom + other.degrees_of_freedom,
        )

    def __sub__(self, other: "Noise") -> "Noise":
        """Returns the noise without the configurations whose noise is subtracted."""
        return Noise(
            self.sum_of_squares - other.sum_of_squares,
            self.degrees_of_freedom - other.degrees_of_freedom,
        )


NO_NOISE = Noise(0.0, 0)


def mean_interval(values: Sequence[float]) -> Interval:
    """Returns the mean of at least one value, with its t-interval."""
    x = np.asarray(values, "float64")
    if len(x) < 2:
        return Interval(float(x.mean()), None, len(x))
    error = x.std(ddof=1) / np.sqrt(len(x))
    return Interval(float(x.mean()), float(quantile(len(x) - 1) * error), len(x))


def paired_difference(a: dict[int, float], b: dict[int, float]) -> Interval | None:
    """Returns the mean over common seeds of the difference a - b.

    Args:
        a: {seed: score} of one configuration.
        b: {seed: score} of another configuration.

    Returns: the mean, with its t-interval; None if there are no common seeds.
    """
    seeds = [seed for seed in a if seed in b]
    return mean_interval([a[seed] - b[seed] for seed in seeds]) if seeds else None


def scores_to_test(
    a: dict[int, float], b: dict[int, float]
) -> tuple[list[float], list[float]]:
    """Returns the scores that `seed_test` compares.

    These are the scores of the common seeds. If there are fewer than two common seeds,
    these are the scores of all seeds.

    Args:
        a: {seed: score} of one configuration.
        b: {seed: score} of another configuration.

    Returns: the scores of a, and the scores of b.
    """
    common = [seed for seed in a if seed in b]
    if len(common) < 2:
        return list(a.values()), list(b.values())
    return [a[seed] for seed in common], [b[seed] for seed in common]


def seed_test(
    a: Sequence[float], b: Sequence[float], others: Noise = NO_NOISE
) -> Test | None:
    """Tests whether the means of two configurations differ by more than chance.

    The test is Student's t-test for independent samples. The standard error needs the
    variance of the noise, but a few seeds estimate this variance badly. Therefore the
    noise of all other configurations is pooled with the noise of the two. The noise is
    not pooled if the two are noisier than the other configurations (F-test at
    `NOISIER_LEVEL`) or much quieter (F-test at `QUIETER_LEVEL`).

    Two configurations may share seeds, so their scores may be correlated. The test
    ignores this: it then calls a difference real too rarely, not too often.

    Args:
        a: the scores of the first configuration, one per seed.
        b: the scores of the second configuration, one per seed.
        others: the noise of all other configurations.

    Returns: the test; None if one of the two has fewer than two scores.
    """
    if min(len(a), len(b)) < 2:
        return None
    noise = pooled_noise([a, b])
    if others.degrees_of_freedom > 0 and others.sum_of_squares > 0:
        ratio = noise.variance / others.variance
        # The p-value of the test whether the two are noisier. The p-value of the test
        # whether the two are quieter is 1 - p_noisier.
        p_noisier = fdtrc(noise.degrees_of_freedom, others.degrees_of_freedom, ratio)
        if NOISIER_LEVEL <= p_noisier <= 1 - QUIETER_LEVEL:
            noise += others
    error = np.sqrt(noise.variance * (1 / len(a) + 1 / len(b)))
    difference = float(np.mean(a) - np.mean(b))
    return t_test(difference, float(error), noise.degrees_of_freedom)


def pooled_noise(scores: Sequence[Sequence[float]]) -> Noise:
    """Returns the noise of several configurations.

    Args:
        scores: the scores of each configuration, one per seed.
    """
    filled = [x for x in scores if len(x)]
    squares = sum(float(np.var(x)) * len(x) for x in filled)
    return Noise(squares, sum(len(x) - 1 for x in filled))
