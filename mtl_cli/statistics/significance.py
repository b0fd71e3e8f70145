"""Tests of differences, and the correction for many of them.

The distributions come from `scipy.special`: importing `scipy.stats` would take longer
than a whole command.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import stdtr, stdtrit

LEVEL = 0.05


class Test(NamedTuple):
    """A difference, and the probability that it is noise.

    Attributes:
        difference: the first mean minus the second.
        half_width: half of the width of the difference's 95 % interval.
        p: the probability of a difference this large if there were none.
        degrees_of_freedom: degrees of freedom of the noise; infinite for a test over
            rows.
    """

    difference: float
    half_width: float
    p: float
    degrees_of_freedom: float

    def as_dict(self, corrected_p: float) -> dict[str, float]:
        """Returns the numbers of the test, for JSON and CSV."""
        return {
            "difference": self.difference,
            "half_interval": self.half_width,
            "p": self.p,
            "p_corrected": corrected_p,
        }


def t_test(difference: float, error: float, degrees_of_freedom: float) -> Test:
    """Returns the t-test of a difference whose standard error is known."""
    if error == 0:
        p = 1.0 if difference == 0 else 0.0
        return Test(difference, 0.0, p, degrees_of_freedom)
    p = float(2 * stdtr(degrees_of_freedom, -abs(difference) / error))
    half_width = float(quantile(degrees_of_freedom) * error)
    return Test(difference, half_width, p, degrees_of_freedom)


def z_test(difference: float, error: float) -> Test:
    """Returns the test of a difference whose standard error hardly varies itself."""
    return t_test(difference, error, np.inf)


def quantile(degrees_of_freedom: float) -> float:
    """Returns how many standard errors a 95 % interval extends to each side."""
    return float(stdtrit(degrees_of_freedom, 1 - LEVEL / 2))


def holm(p_values: Sequence[float]) -> list[float]:
    """Returns p-values corrected for their number (Holm 1979).

    If every corrected p-value below 5 % is called a difference, the chance that any of
    these calls is wrong is below 5 %.
    """
    p = np.asarray(p_values, "float64")
    order = np.argsort(p)
    steps = p[order] * np.arange(len(p), 0, -1)
    corrected = np.empty(len(p))
    corrected[order] = np.minimum(1, np.maximum.accumulate(steps))
    return [float(value) for value in corrected]
