"""Tests whether the main metric on a slice differs from that on all other rows."""

from typing import NamedTuple

import numpy as np

from mtl_cli.data.table import Array
from mtl_cli.scoring.scored_rows import ScoredRows
from mtl_cli.statistics.sampling_error import (
    SamplingError,
    num_less_frequent,
    on_symmetric_scale,
)
from mtl_cli.statistics.significance import t_test

# The number of rows of each class that a slice needs to be tested.
MIN_OF_CLASS = 20
# If a slice has a smaller fraction of all rows than this, the sampling error on the
# other rows is estimated from the error on all rows, to save a bootstrap.
SMALL_FRACTION = 0.2


class SliceTest(NamedTuple):
    """The test of the main metric on a slice against the metric on all other rows.

    Attributes:
        rest: the main metric on all other rows.
        difference: the main metric on the slice minus `rest`.
        p: the p-value of the difference.
    """

    rest: float
    difference: float
    p: float


def have_same_classes(inside: ScoredRows, others: ScoredRows) -> bool:
    """Whether a slice and all other rows have the same classes.

    The macro AUC is a mean over the classes that occur, and a class of a few rows makes
    it uncertain. So the classes that occur must be the same, and also the classes with
    `MIN_OF_CLASS` rows.
    """
    task = inside.output.task
    if task.BINARY_LABELS or not task.HAS_CLASSES:
        return True

    def classes(rows: ScoredRows) -> tuple[list[float], list[float]]:
        labels, counts = np.unique(rows.label, return_counts=True)
        return labels.tolist(), labels[counts >= MIN_OF_CLASS].tolist()

    return classes(inside) == classes(others)


def degrees_of_freedom(inside: ScoredRows, others: ScoredRows) -> float:
    """Returns the degrees of freedom of the test of a slice against all other rows.

    A bootstrap's error is rough if few rows, or few groups, have another label than the
    most frequent one. So their number is returned. For DeLong's formula and for `gauc`,
    infinity is returned: their errors have their own degrees of freedom.
    """
    if inside.has_quick_error_formula or inside.main_metric.grouped:
        return np.inf
    counts = (num_less_frequent(rows.label, rows.group) for rows in (inside, others))
    return max(1, min(counts))


def error_on_rest(
    error_on_all: SamplingError | None, is_inside: Array
) -> SamplingError | None:
    """Estimates a metric's error on the rows outside of a small slice.

    The estimate scales the error on all rows to the smaller number of rows.
    """
    fraction_inside = is_inside.mean()
    if error_on_all is None or fraction_inside >= SMALL_FRACTION:
        return None
    standard_error = error_on_all.standard_error / float(np.sqrt(1 - fraction_inside))
    return error_on_all._replace(standard_error=standard_error)


def compare_with_rest(
    value: float | None,
    error: SamplingError | None,
    others: ScoredRows,
    metric: str,
    error_on_others: SamplingError | None,
    degrees_of_freedom: float,
) -> SliceTest | None:
    """Tests a metric's value on a slice against the same metric on all other rows.

    Args:
        error: the sampling error of `value`; None if it is unknown.
        error_on_others: the sampling error on the other rows; None to estimate it here.
        degrees_of_freedom: the largest degrees of freedom of the test.

    Returns: None if the metric or its sampling error is unknown on the slice or on the
        other rows.
    """
    rest_value = others.score([metric])[metric]
    if value is None or error is None or rest_value is None:
        return None
    error_of_rest = error_on_others or others.sampling_error(metric)
    if error_of_rest is None:
        return None
    inside, standard_error = on_symmetric_scale(value, error)
    outside, standard_error_of_rest = on_symmetric_scale(rest_value, error_of_rest)
    # The rows differ, so the two errors are independent and their squares add up. If
    # some groups have rows on both sides, their errors cancel in part, and the sum is
    # too large.
    total_error = float(np.hypot(standard_error, standard_error_of_rest))
    degrees = min(
        degrees_of_freedom, error.degrees_of_freedom, error_of_rest.degrees_of_freedom
    )
    test = t_test(inside - outside, total_error, degrees)
    return SliceTest(rest_value, value - rest_value, test.p_value)
