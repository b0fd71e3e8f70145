"""Buckets of a column's values, and the distance between two distributions on them."""

from typing import NotRequired

import numpy as np
import numpy.typing as npt
from typing_extensions import TypedDict

from mtl_cli.data.table import Array

FREQUENT_IDS = 20  # ids that have a bucket of their own
Counts = npt.NDArray[np.int64]


class Buckets(TypedDict):
    """The distribution of some values, in JSON values.

    Numbers fall into ten buckets with equal shares of the values. For ids, each of the
    most frequent ids is a bucket, and all other ids together are one more.

    Attributes:
        edges: the limits between the buckets of numbers, in ascending order.
        ids: the ids with a bucket of their own, in ascending order.
        counts: the number of values in each bucket.
    """

    edges: NotRequired[list[float]]
    ids: NotRequired[list[int]]
    counts: list[int]


def buckets_of(values: Array) -> Buckets:
    """Returns the distribution of some values, floats or ids, (rows,)."""
    buckets: Buckets = {"counts": []}
    if np.issubdtype(values.dtype, np.floating):
        quantiles = np.quantile(values, np.linspace(0, 1, 11)[1:-1])
        buckets["edges"] = np.unique(quantiles).tolist()
    else:
        ids, counts = np.unique(values, return_counts=True)
        frequent = ids[np.argsort(-counts, kind="stable")[:FREQUENT_IDS]]
        buckets["ids"] = np.sort(frequent).tolist()
    buckets["counts"] = counts_in(buckets, values).tolist()
    return buckets


def counts_in(buckets: Buckets, values: Array) -> Counts:
    """Returns how many of some values, (rows,), are in each bucket."""
    if "edges" in buckets:
        edges = np.asarray(buckets["edges"])
        index = np.searchsorted(edges, values, side="right")
        return np.bincount(index, minlength=len(edges) + 1)
    ids = np.asarray(buckets["ids"])
    position = np.searchsorted(ids, values)
    index = np.where(np.isin(values, ids), position, len(ids))
    return np.bincount(index, minlength=len(ids) + 1)


def stability_index(counts: Counts, other: Counts) -> float:
    """Returns the population stability index of two distributions.

    Args:
        counts: the number of values in each bucket.
        other: the number of other values in each bucket.

    Returns: the sum over buckets of (p - q) log(p / q), where p and q are the bucket's
        shares of the values.
    """
    # Half a value more in each bucket keeps the logarithm finite.
    p, q = ((x + 0.5) / (x.sum() + 0.5 * len(x)) for x in (counts, other))
    return float(((p - q) * np.log(p / q)).sum())
