"""Chooses cuts between buckets of numbers, and computes ramps.

Buckets are neighbouring intervals of numbers. The `cuts` of a feature are the lower
edges of all its buckets but the first: the cuts [10, 20] make three buckets, below 10,
from 10 to below 20, and from 20. The ramp of a value in a bucket is the fraction of the
bucket that lies below the value, from 0 to 1.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from mtl_cli.columns.cells import Mask
from mtl_cli.columns.numeric import Floats
from mtl_cli.columns.vocabulary import Integers
from mtl_cli.core.learnt_values import check_ascending
from mtl_cli.core.tensors import Tensor
from mtl_cli.graphs.base import GraphOps


def choose_cuts(x: Floats, num_buckets: int) -> list[float]:
    """Chooses the cuts of the buckets of a feature, in ascending order.

    If there are at most `num_buckets` distinct values, each gets a bucket of its own.
    Otherwise a value is heavy if at least 1 / num_buckets of the rows hold the value.
    Heavy values get a bucket of their own, as long as there are buckets. The other
    values are cut at their quantiles. `x` are the numbers of the training rows,
    (rows,), without NaN.
    """
    values, counts = np.unique(x, return_counts=True)
    if len(values) <= num_buckets:
        return [float(v) for v in values[1:]]
    is_heavy = counts >= len(x) / num_buckets
    edges = edges_of_heavy_values(values, counts, is_heavy, num_buckets)
    light_rows = np.repeat(values[~is_heavy], counts[~is_heavy])
    if len(light_rows):
        # The quantiles make the buckets that the heavy values have not used up.
        levels = np.linspace(0, 1, num_buckets - len(edges) + 1)[1:-1]
        edges |= {float(v) for v in np.quantile(light_rows, levels, method="higher")}
    return sorted(edges - {float(values[0])})


def edges_of_heavy_values(
    values: Floats, counts: Integers, is_heavy: Mask, num_buckets: int
) -> set[float]:
    """Returns the edges of buckets that hold a single heavy value each.

    If there are not enough buckets for all heavy values, the heaviest values get one.
    The distinct values are ascending, and `counts` are the numbers of their rows.
    """
    heavy = np.flatnonzero(is_heavy)
    edges: set[float] = set()
    for i in heavy[np.argsort(-counts[heavy], kind="stable")]:
        # The bucket of values[i] begins at values[i] and ends at the next value. The
        # smallest value needs no edge at its beginning.
        extended_edges = edges | {float(v) for v in values[max(i, 1) : i + 2]}
        if len(extended_edges) < num_buckets:  # n buckets have n - 1 edges
            edges = extended_edges
    return edges


def check_ramp_edges(learnt: Mapping[str, Any]) -> None:
    """Raises a `ValueError` if a cut lies below "low" or above "high"."""
    edges = [learnt["low"], *learnt["cuts"], learnt["high"]]
    check_ascending("low, cuts, high", edges)


def starts_and_widths(learnt: Mapping[str, Any]) -> tuple[Floats, Floats]:
    """Returns the lower edge and the width of each bucket, (buckets,).

    If the largest number has a bucket of its own, the last bucket begins at "high" and
    is empty. An empty last bucket gets a huge width, so that its ramp is 0 for all
    numbers, also for numbers above "high". `learnt` is as in `ramps`.
    """
    edges = np.array([learnt["low"], *learnt["cuts"], learnt["high"]], "float64")
    widths = np.diff(edges)
    if widths[-1] == 0:
        widths[-1] = np.finfo("float64").max
    # The first bucket is empty if a user's lowest edge is the lowest number.
    widths[widths == 0] = 1
    return edges[:-1], widths


def ramps(x: Floats, learnt: Mapping[str, Any]) -> Floats:
    """Returns the ramps of values: the fraction of each bucket that lies below a value.

    The ramp is 1 for a bucket below the value and 0 for a bucket above the value. NaN
    is below all buckets, so its ramps are 0. For example, the value 15 has the ramps
    1, 0.5 and 0 in the buckets from 0 to 10, from 10 to 20 and from 20 to 30.

    The values are (rows,), the ramps (rows, buckets). `learnt` holds the edges of the
    buckets: "low", "cuts" and "high".

    Reference: Gorishniy et al., "On Embeddings for Numerical Features in Tabular
        Deep Learning", NeurIPS 2022, section 3.2.
        Differs from the paper in: a value outside the range of the training rows is
        treated as the nearest value of this range.
    """
    starts, widths = starts_and_widths(learnt)
    with np.errstate(over="ignore"):  # clip turns infinity into 1
        fractions = np.clip((x[:, None] - starts) / widths, 0, 1)
    return np.nan_to_num(fractions)


def ramps_text(learnt: Mapping[str, Any]) -> str:
    """Describes `ramps` for the manifest of exported weights."""
    return (
        f"{len(learnt['cuts']) + 1} ramps clipped to 0..1: (x - start) / (end - start) "
        "(0 in an empty last bucket, x - start in an empty first bucket) of each "
        "bucket between low, cuts and high"
    )


def ramps_graph(x: Tensor, learnt: Mapping[str, Any], ops: GraphOps) -> Tensor:
    """Builds `ramps` as a graph for exported models."""
    starts, widths = starts_and_widths(learnt)
    without_nan = ops.fill_nan(x, learnt["low"])  # all ramps of "low" are 0
    return ops.ramps(without_nan, starts.tolist(), widths.tolist())
