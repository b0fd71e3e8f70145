"""Tests over seeds whether the scores of two configurations differ."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import fdtrc

from mtl_cli.statistics.significance import DifferenceTest, t_test

# The noise of two configurations is compared with the noise of all others by two
# one-sided F-tests. The two configurations are noisier if the p-value of the test for
# more noise is below `NOISIER_LEVEL`, and quieter if the p-value of the test for less
# noise is below `QUIETER_LEVEL`.
NOISIER_LEVEL = 0.2
QUIETER_LEVEL = 0.02


class Noise(NamedTuple):
    """How much values vary between seeds, pooled over several configurations.

    Attributes:
        squares: the sum of the squared distances of all values to the means of their
            configurations.
        degrees_of_freedom: the number of values minus the number of configurations.
    """

    squares: float
    degrees_of_freedom: float

    @property
    def variance(self) -> float:
        """The variance of one value."""
        return self.squares / self.degrees_of_freedom


def values_to_test(
    a: dict[int, float], b: dict[int, float]
) -> tuple[list[float], list[float]]:
    """Returns the values of a and the values of b to pass to `seed_test`.

    a and b are {seed: value}. The values belong to the common seeds, or to all seeds
    if there are fewer than two common seeds.
    """
    common = [seed for seed in a if seed in b]
    if len(common) < 2:
        return list(a.values()), list(b.values())
    return [a[seed] for seed in common], [b[seed] for seed in common]


def seed_test(
    a: Sequence[float], b: Sequence[float], others: Noise | None = None
) -> DifferenceTest | None:
    """Tests whether the means of two configurations differ by more than chance.

    The test is Student's t-test for independent samples. The standard error needs the
    variance of the noise, but a few seeds estimate this variance badly. Therefore the
    noise of all other configurations is pooled with the noise of the two. There is no
    pooling if the two are noisier than the other configurations (F-test at
    `NOISIER_LEVEL`) or much quieter (F-test at `QUIETER_LEVEL`).

    Two configurations may share seeds, so their scores may be positively correlated.
    The test ignores the correlation. Therefore the test may call a difference real too
    rarely, but not too often.

    a and b are the values of the two configurations, one per seed. `others` is the
    noise of all other configurations.

    Returns: the test; None if one of the two has fewer than two values.
    """
    if min(len(a), len(b)) < 2:
        return None
    noise = pooled_noise([a, b])
    if others is not None and should_pool(noise, others):
        noise = Noise(*np.add(noise, others))
    error = np.sqrt(noise.variance * (1 / len(a) + 1 / len(b)))
    difference = float(np.mean(a) - np.mean(b))
    return t_test(difference, float(error), float(noise.degrees_of_freedom))


def should_pool(noise: Noise, others: Noise) -> bool:
    """Whether the noise of two configurations is like the noise of all others."""
    # There may be no other configurations, or none that vary.
    if others.squares <= 0 or others.degrees_of_freedom <= 0:
        return False
    # `p_noisier` is the p-value of the test whether the two are noisier. The test
    # whether they are quieter has the p-value 1 - p_noisier.
    p_noisier = fdtrc(
        noise.degrees_of_freedom,
        others.degrees_of_freedom,
        noise.variance / others.variance,
    )
    return bool(NOISIER_LEVEL <= p_noisier <= 1 - QUIETER_LEVEL)


def pooled_noise(values: Iterable[Sequence[float]]) -> Noise:
    """Returns the noise of several configurations, each with a value per seed."""
    filled = [x for x in values if len(x)]
    squares = sum(float(np.var(x)) * len(x) for x in filled)
    return Noise(squares, sum(len(x) - 1 for x in filled))
