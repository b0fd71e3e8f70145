"""Piecewise linear functions as tables, for graphs without such an operation."""

from collections.abc import Sequence

import numpy as np


def segments(xs: Sequence[float], ys: Sequence[float]) -> list[list[float]]:
    """Returns the segments of a piecewise linear function, see `GraphOps.interpolate`.

    The n points (xs, ys) divide the x axis into n + 1 segments. Segment 0 lies before
    the first point, segment 1 between the first and the second point, and so on. The
    first and the last segment have the slope 0, as has a segment between two points
    with the same x.

    Returns: three lists: the x and the y of the point at which each segment starts, and
        its slope. Segment 0 has no start, so it gets the first point.

    >>> segments([0, 2], [1, 5])
    [[0, 0, 2], [1, 1, 5], [0.0, 2.0, 0.0]]
    """
    x, y = np.array([xs[0], *xs]), np.array([ys[0], *ys])
    widths = np.diff(x, append=x[-1])
    heights = np.diff(y, append=y[-1])
    slopes = np.divide(heights, widths, out=np.zeros(len(x)), where=widths > 0)
    return [x.tolist(), y.tolist(), slopes.tolist()]
