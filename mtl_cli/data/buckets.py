"""Buckets of values, and how much two distributions over the same buckets differ."""

from typing import NotRequired

import numpy as np
import numpy.typing as npt
from typing_extensions import TypedDict

from mtl_cli.data.table import Array

MAX_BUCKETS = 10  # the largest number of buckets of a feature of numbers
MAX_FREQUENT_IDS = 20  # the largest number of ids that have a bucket of their own
# The number of values in each bucket; with weights, the sum of their weights.
Counts = npt.NDArray[np.int64] | npt.NDArray[np.float64]


class Buckets(TypedDict):
    """The buckets of a feature and the number of values in each, as JSON values.

    A feature of numbers has `MAX_BUCKETS` buckets that hold about equally many values,
    or fewer buckets if many values are equal. A feature of ids has one bucket for each
    of its most frequent ids, and one more bucket for all other ids.

    Attributes:
        edges: the limits between the buckets of numbers, in ascending order. A value
            that equals an edge is in the bucket above the edge. The edges are on the
            scale of `Feature.summary`, not of the column: a standardised number, or
            the sum of the ramps of a `piecewise_linear` feature.
        ids: the ids with a bucket of their own, in ascending order. All other ids are
            in the last bucket.
        counts: the number of values in each bucket, or the sum of their weights.
    """

    edges: NotRequired[list[float]]
    ids: NotRequired[list[int]]
    counts: list[float]


def make_buckets(values: Array, weights: Array | None = None) -> Buckets:
    """Chooses buckets for the values of a feature, and counts the values.

    Args:
        values: floats for a feature of numbers, integers for a feature of ids,
            (values,).
        weights: the weight of each value in the counts, (values,). None counts each
            value once. The choice of the buckets does not depend on the weights.
    """
    if np.issubdtype(values.dtype, np.floating):
        quantiles = np.quantile(values, np.linspace(0, 1, MAX_BUCKETS + 1)[1:-1])
        edges = np.unique(quantiles).tolist()
        counts = counts_by_edges(edges, values, weights)
        return {"counts": counts.tolist(), "edges": edges}
    all_ids, id_counts = np.unique(values, return_counts=True)
    # Of two ids with equal counts, the smaller id comes first.
    by_frequency = all_ids[np.argsort(-id_counts, kind="stable")]
    ids = np.sort(by_frequency[:MAX_FREQUENT_IDS]).tolist()
    return {"counts": counts_by_ids(ids, values, weights).tolist(), "ids": ids}


def bucket_counts(
    buckets: Buckets, values: Array, weights: Array | None = None
) -> Counts:
    """Returns the number of values in each bucket, (buckets,).

    If each value has a weight, the result is the sum of the weights in each bucket.
    """
    if "edges" in buckets:
        return counts_by_edges(buckets["edges"], values, weights)
    return counts_by_ids(buckets["ids"], values, weights)


def counts_by_edges(edges: list[float], values: Array, weights: Array | None) -> Counts:
    """Returns the number of values in each bucket of numbers, (edges + 1,)."""
    # The index of a value's bucket is the number of edges that do not exceed the value.
    bucket_of_value = np.searchsorted(np.asarray(edges), values, side="right")
    return np.bincount(bucket_of_value, weights, minlength=len(edges) + 1)


def counts_by_ids(ids: list[int], values: Array, weights: Array | None) -> Counts:
    """Returns the number of values in each bucket of ids, (ids + 1,)."""
    index_of_id = np.searchsorted(np.asarray(ids), values)
    bucket_of_value = np.where(np.isin(values, ids), index_of_id, len(ids))
    return np.bincount(bucket_of_value, weights, minlength=len(ids) + 1)


def stability_index(counts: Counts, other_counts: Counts) -> float:
    """Returns the population stability index of two distributions.

    The index is the sum over buckets of (p - q) log(p / q), where p is the fraction of
    one distribution's values that lie in the bucket, and q the same fraction of the
    other distribution. Both arguments are the number of values in each bucket,
    (buckets,).
    """
    p = positive_fractions(counts)
    q = positive_fractions(other_counts)
    return float(((p - q) * np.log(p / q)).sum())


def positive_fractions(counts: Counts) -> Array:
    """Returns the fraction of the values in each bucket, (buckets,).

    Half a value is added to each bucket, so that no fraction is 0.
    """
    return np.asarray((counts + 0.5) / (counts.sum() + 0.5 * len(counts)))
