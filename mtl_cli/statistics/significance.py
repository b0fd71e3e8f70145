"""Tests whether differences are zero, and corrects the p-values of many tests.

The distributions come from `scipy.special`: importing `scipy.stats` would take longer
than a whole command.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import stdtr, stdtrit

SIGNIFICANCE_LEVEL = 0.05


class DifferenceTest(NamedTuple):
    """The result of a test of the difference of two scores.

    Attributes:
        difference: the first score minus the second score.
        half_width: half of the width of the difference's 95 % interval.
        p_value: the probability of a difference at least this large, in either
            direction, if the true scores were equal.
    """

    difference: float
    half_width: float
    p_value: float
    degrees_of_freedom: float

    def as_dict(self, corrected_p: float) -> dict[str, float]:
        return {
            "difference": self.difference,
            "half_interval": self.half_width,
            "p": self.p_value,
            "p_corrected": corrected_p,
        }


def t_test(
    difference: float, standard_error: float, degrees_of_freedom: float
) -> DifferenceTest:
    """Tests whether a difference is zero (two-sided t-test).

    With a standard error of 0, every difference but 0 has the p-value 0.
    """
    if standard_error == 0:
        p_value = 1.0 if difference == 0 else 0.0
        return DifferenceTest(difference, 0.0, p_value, degrees_of_freedom)
    t = abs(difference) / standard_error
    p_value = float(2 * stdtr(degrees_of_freedom, -t))
    half_width = float(quantile(degrees_of_freedom) * standard_error)
    return DifferenceTest(difference, half_width, p_value, degrees_of_freedom)


def quantile(degrees_of_freedom: float) -> float:
    """Returns how many standard errors a 95 % interval extends to each side.

    >>> round(quantile(2), 2), round(quantile(np.inf), 2)
    (4.3, 1.96)
    """
    return float(stdtrit(degrees_of_freedom, 1 - SIGNIFICANCE_LEVEL / 2))


def holm(p_values: Sequence[float]) -> list[float]:
    """Returns p-values corrected for the number of tests (Holm 1979).

    If every difference with a corrected p-value below 5 % is called real, the
    probability that at least one of these calls is wrong is at most 5 %.

    >>> [round(p, 2) for p in holm([0.01, 0.04, 0.02])]
    [0.03, 0.04, 0.04]
    """
    p = np.asarray(p_values, "float64")
    order = np.argsort(p)
    # The smallest of n p-values is multiplied by n, the next by n - 1, and so on. No
    # corrected value is below the corrected value of a smaller p-value.
    multiplied = p[order] * np.arange(len(p), 0, -1)
    corrected = np.empty(len(p))
    corrected[order] = np.minimum(1, np.maximum.accumulate(multiplied))
    return [float(value) for value in corrected]
