"""Buckets of values, and how much two distributions over the same buckets differ."""

from typing import NotRequired

import numpy as np
import numpy.typing as npt
from typing_extensions import TypedDict

from mtl_cli.data.table import Array

NUM_BUCKETS = 10  # the largest number of buckets of a feature of numbers
MAX_FREQUENT_IDS = 20  # the largest number of ids that have a bucket of their own
Counts = npt.NDArray[np.int64]


class Buckets(TypedDict):
    """The buckets of a feature and the number of values in each, as JSON values.

    A feature of numbers has `NUM_BUCKETS` buckets that hold about equally many values,
    or fewer buckets if many values are equal. A feature of ids has one bucket for each
    of its most frequent ids, and one more bucket for all other ids.

    Attributes:
        edges: the limits between the buckets of numbers, in ascending order.
        ids: the ids with a bucket of their own, in ascending order. All other ids are
            in the last bucket.
        counts: the number of values in each bucket.
    """

    edges: NotRequired[list[float]]
    ids: NotRequired[list[int]]
    counts: list[int]


def make_buckets(values: Array) -> Buckets:
    """Chooses buckets for floats or integer ids, (values,), and counts the values."""
    buckets: Buckets = {"counts": []}
    if np.issubdtype(values.dtype, np.floating):
        quantiles = np.quantile(values, np.linspace(0, 1, NUM_BUCKETS + 1)[1:-1])
        buckets["edges"] = np.unique(quantiles).tolist()
    else:
        ids, counts = np.unique(values, return_counts=True)
        frequent = ids[np.argsort(-counts, kind="stable")[:MAX_FREQUENT_IDS]]
        buckets["ids"] = np.sort(frequent).tolist()
    buckets["counts"] = bucket_counts(buckets, values).tolist()
    return buckets


def bucket_counts(buckets: Buckets, values: Array) -> Counts:
    """Returns the number of values in each bucket, (buckets,)."""
    if "edges" in buckets:
        edges = np.asarray(buckets["edges"])
        index = np.searchsorted(edges, values, side="right")
        return np.bincount(index, minlength=len(edges) + 1)
    ids = np.asarray(buckets["ids"])
    id_index = np.searchsorted(ids, values)
    index = np.where(np.isin(values, ids), id_index, len(ids))
    return np.bincount(index, minlength=len(ids) + 1)


def stability_index(counts: Counts, other: Counts) -> float:
    """Returns the population stability index of two distributions.

    The index is the sum over buckets of (p - q) log(p / q), where p is the fraction of
    the values of one distribution that lie in the bucket, and q the fraction of the
    other. A distribution is given by its number of values in each bucket, (buckets,).
    """
    p, q = positive_fractions(counts), positive_fractions(other)
    return float(((p - q) * np.log(p / q)).sum())


def positive_fractions(counts: Counts) -> Array:
    """Returns the fraction of the values in each bucket, (buckets,).

    Half a value is added to each bucket, so that no fraction is 0.
    """
    return np.asarray((counts + 0.5) / (counts.sum() + 0.5 * len(counts)))
