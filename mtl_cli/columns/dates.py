"""Counts the days from 1970-01-01 to dates, also in exported graphs."""

import numpy as np

from mtl_cli.columns.numeric import Floats
from mtl_cli.core.tensors import Tensor
from mtl_cli.graphs.base import GraphOps

DAYS_BEFORE_1970 = 719_469  # from the 0th of March of the year 0


def days_since_1970(year: Floats, month: Floats, day: Floats | int) -> Floats:
    """Returns the days from 1970-01-01 to a date; month 13 is the next January."""
    # Years start in March here, so that the leap day is the last day of a year.
    year, month = np.divmod(12 * year + month - 3, 12)
    leap_days = year // 4 - year // 100 + year // 400
    days = 365 * year + leap_days + (153 * month + 2) // 5 + day
    return np.asarray(days - DAYS_BEFORE_1970)


def days_graph(year: Tensor, month: Tensor, day: Tensor, ops: GraphOps) -> Tensor:
    """Returns the days from 1970-01-01 to a date, as `days_since_1970`."""
    months = ops.weighted_sum([(year, 12), (month, 1)], -3)
    year, month = ops.divmod(months, 12)
    days_before_month = ops.floor_divide(ops.weighted_sum([(month, 153)], 2), 5)
    terms = [(year, 365), (days_before_month, 1), (day, 1)]
    for years, sign in ((4, 1), (100, -1), (400, 1)):  # of the leap days
        terms.append((ops.floor_divide(year, years), sign))
    return ops.weighted_sum(terms, -DAYS_BEFORE_1970)
