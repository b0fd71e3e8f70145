"""Intervals and tests over seeds, and the correction for many comparisons.

Everything is a plain function of numbers. `scipy.special` has the distributions;
`scipy.stats` would take longer to import than the rest of the command to run.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import fdtrc, stdtr, stdtrit

LEVEL = 0.05
# When two configurations' noise is not that of the others (F-test, one-sided each).
NOISIER, QUIETER = 0.2, 0.02


class Interval(NamedTuple):
    """A mean and its 95 % interval.

    Attributes:
        mean: of the values.
        half: half the interval's width; None where fewer than two values leave it open.
        number: of values.
    """

    mean: float
    half: float | None
    number: int


class Noise(NamedTuple):
    """How far values lie from the means of their groups.

    Attributes:
        squares: sum of the squared distances.
        freedom: how many of them are free: values less groups.
    """

    squares: float
    freedom: int


NO_NOISE = Noise(0.0, 0)


class Test(NamedTuple):
    """A difference and whether it could be noise.

    Attributes:
        difference: the first's minus the second's.
        half: half the width of its 95 % interval.
        p: probability of a difference this large if there were none.
        freedom: degrees of freedom of the noise; infinite where rows are many.
    """

    difference: float
    half: float
    p: float
    freedom: float


def mean_interval(values: Sequence[float]) -> Interval:
    """Returns the mean and its t-interval."""
    x = np.asarray(values, "float64")
    if len(x) < 2:
        return Interval(float(x.mean()), None, len(x))
    error = x.std(ddof=1) / np.sqrt(len(x))
    return Interval(float(x.mean()), float(quantile(len(x) - 1) * error), len(x))


def paired(a: dict[int, float], b: dict[int, float]) -> Interval | None:
    """Returns the mean of a's minus b's over the seeds of both, with its t-interval."""
    seeds = [seed for seed in a if seed in b]
    return mean_interval([a[s] - b[s] for s in seeds]) if seeds else None


def seed_test(
    a: Sequence[float], b: Sequence[float], others: Noise = NO_NOISE
) -> Test | None:
    """Tests whether two configurations differ by more than retraining does.

    Student's test. Noise is that of both together, and of the other configurations
    too, unless the two are noisier (F-test, 20 %) or far quieter (2 %) than those: more
    seeds tell more about noise. Assumes that seeds of different configurations are
    independent; where they go together it errs on the side of no difference.

    Args:
        a: values by seed.
        b: likewise.
        others: of the other configurations.

    Returns: None if one of the two has fewer than two seeds.
    """
    if min(len(a), len(b)) < 2:
        return None
    squares, freedom = noise([a, b])
    if others.freedom > 0 and others.squares > 0:
        ratio = (squares / freedom) / (others.squares / others.freedom)
        if NOISIER <= fdtrc(freedom, others.freedom, ratio) <= 1 - QUIETER:
            squares, freedom = squares + others.squares, freedom + others.freedom
    error = np.sqrt(squares / freedom * (1 / len(a) + 1 / len(b)))
    return test_of(float(np.mean(a) - np.mean(b)), float(error), freedom)


def noise(groups: Sequence[Sequence[float]]) -> Noise:
    """Returns the noise of groups of values."""
    squares = sum(float(np.var(x)) * len(x) for x in groups if len(x))
    return Noise(squares, sum(len(x) - 1 for x in groups if len(x)))


def test_of(difference: float, error: float, freedom: float) -> Test:
    """Returns the t-test of a difference whose standard error is known."""
    if error == 0:
        return Test(difference, 0.0, 1.0 if difference == 0 else 0.0, freedom)
    p = 2 * stdtr(freedom, -abs(difference) / error)
    return Test(difference, float(quantile(freedom) * error), float(p), freedom)


def quantile(freedom: float) -> float:
    """Returns how many standard errors a 95 % interval reaches to each side."""
    return float(stdtrit(freedom, 1 - LEVEL / 2))


def holm(p_values: Sequence[float]) -> list[float]:
    """Returns p-values corrected for their number (Holm 1979).

    Those below 5 % hold together: the chance that any of them is wrong is under 5 %.
    """
    p = np.asarray(p_values, "float64")
    order = np.argsort(p)
    steps = p[order] * np.arange(len(p), 0, -1)
    corrected = np.empty(len(p))
    corrected[order] = np.minimum(1, np.maximum.accumulate(steps))
    return [float(value) for value in corrected]
