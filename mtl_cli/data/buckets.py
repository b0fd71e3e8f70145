"""Buckets of values, and how much two distributions over the same buckets differ."""

from typing import NotRequired

import numpy as np
import numpy.typing as npt
from typing_extensions import TypedDict

from mtl_cli.columns.cuts import choose_cuts
from mtl_cli.data.table import Array
from mtl_cli.features.base import Feature

MAX_BUCKETS = 10  # the largest number of buckets of training numbers
# At most `MAX_FREQUENT_IDS` ids have a bucket of their own. Each of them is more than
# `MIN_FRACTION` of the values: buckets of few values would differ by chance alone.
MAX_FREQUENT_IDS = 20
MIN_FRACTION = 0.01
MAX_RANGES = 10  # the largest number of buckets for ranges of the other ids
# The number of values in each bucket; with weights, the sum of their weights.
Counts = npt.NDArray[np.int64] | npt.NDArray[np.float64]


class Buckets(TypedDict):
    """The buckets of a feature and the number of values in each, as JSON values.

    A feature of numbers has `MAX_BUCKETS` buckets that hold about equally many values.
    A value of at least 1 / `MAX_BUCKETS` of the rows has a bucket of its own, see
    `choose_cuts`; if it is the smallest value, numbers below it have one too. With few
    distinct values, each has a bucket. A feature of ids has one bucket for id 0,
    which stands for unseen values and empty cells, one for each of its most frequent
    ids, and at most `MAX_RANGES` buckets for ranges of the other ids.

    Attributes:
        edges: the limits between the buckets of numbers, in ascending order. A value
            that equals an edge is in the bucket above the edge. The edges are on the
            scale of `Feature.summary`, not of the column.
        ids: the ids with a bucket of their own, in ascending order. Their buckets come
            first.
        range_edges: the limits between the ranges of the other ids, used as `edges`.
            Runs of earlier versions lack this key: all other ids are in one bucket.
        counts: the number of values in each bucket, or the sum of their weights.
    """

    edges: NotRequired[list[float]]
    ids: NotRequired[list[int]]
    range_edges: NotRequired[list[int]]
    counts: list[float]


def make_buckets(values: Array, weights: Array | None = None) -> Buckets:
    """Chooses buckets for the values of a feature, and counts the values.

    `values` are floats for a feature of numbers, integers for a feature of ids,
    (values,). `weights`, (values,), have an effect on the counts alone.
    """
    buckets: Buckets = {"counts": []}
    if np.issubdtype(values.dtype, np.floating):
        # If many values equal the smallest value, this quantile is the smallest value.
        first_edge = np.quantile(values, 1 / MAX_BUCKETS, method="higher")
        edges = {float(first_edge), *choose_cuts(values, MAX_BUCKETS)}
        buckets["edges"] = sorted(edges)
    else:
        buckets["ids"] = ids = frequent_ids(values)
        other_values = values[~np.isin(values, ids)]
        buckets["range_edges"] = choose_range_edges(other_values, len(values))
    buckets["counts"] = bucket_counts(buckets, values, weights).tolist()
    return buckets


def frequent_ids(values: Array) -> list[int]:
    """Returns id 0 and the frequent ids, see `Buckets.ids`."""
    ids, counts = np.unique(values, return_counts=True)
    is_frequent = (counts > MIN_FRACTION * len(values)) & (ids != 0)
    ids, counts = ids[is_frequent], counts[is_frequent]
    # Of two ids with equal counts, the smaller id comes first.
    by_frequency = ids[np.argsort(-counts, kind="stable")]
    return [0, *np.sort(by_frequency[:MAX_FREQUENT_IDS]).tolist()]


def choose_range_edges(other_values: Array, num_values: int) -> list[int]:
    """Returns edges of ranges that hold about equally many of the other values.

    Each range holds about `MIN_FRACTION` of all `num_values` values, or more.
    """
    max_ranges = len(other_values) / max(MIN_FRACTION * num_values, 1)
    num_ranges = min(MAX_RANGES, int(max_ranges))
    if num_ranges < 2:
        return []
    fractions = np.linspace(0, 1, num_ranges + 1)[1:-1]
    edges = np.unique(np.quantile(other_values, fractions, method="higher"))
    return [int(edge) for edge in edges if edge > other_values.min()]


def bucket_counts(
    buckets: Buckets, values: Array, weights: Array | None = None
) -> Counts:
    """Returns the number of values, or the sum of weights, in each bucket, (buckets,).

    Only the limits of `buckets` are used, not its counts.
    """
    has_edges = "edges" in buckets
    edges = buckets["edges"] if has_edges else buckets.get("range_edges", [])
    # The index of a value's bucket is the number of edges that do not exceed the value.
    bucket_of_value = np.searchsorted(np.asarray(edges), values, side="right")
    num_buckets = len(edges) + 1
    if not has_edges:
        ids = buckets["ids"]
        bucket_of_value = np.where(
            np.isin(values, ids),
            np.searchsorted(np.asarray(ids), values),
            len(ids) + bucket_of_value,
        )
        num_buckets += len(ids)
    return np.bincount(bucket_of_value, weights, minlength=num_buckets)


def increase_of_unseen_ids(
    feature: Feature, trained: float, new: float | None
) -> float:
    """Returns by how much the fraction of unseen ids is larger than in training.

    The result is 0 for a kind whose id 0 stands for empty cells alone. Unseen numbers
    have the same ids as other numbers.

    Args:
        feature: the feature.
        trained: the fraction of its unseen values in the training rows.
        new: the fraction in the new rows; None if it is unknown.
    """
    if new is None or feature.numeric or not feature.reports_unseen:
        return 0.0
    return new - trained


def drift_from(buckets: Buckets, new_counts: Counts, unseen_increase: float) -> float:
    """Returns the population stability index of new values against training values.

    `new_counts` is the result of `bucket_counts` for the new values, (buckets,). New
    rows of the same distribution hold unseen values, mostly in place of rare ids. This
    is no drift: as many training values are moved from the buckets of ranges to the
    bucket of id 0. Empty cells have id 0 too, but more of them are drift:
    `unseen_increase` is the result of `increase_of_unseen_ids`.
    """
    counts = np.array(buckets["counts"], "float64")
    if "ids" in buckets:
        fraction = counts[0] / max(counts.sum(), 1)
        increase = new_counts[0] / max(new_counts.sum(), 1) - fraction
        increase = max(min(increase, unseen_increase), 0.0)
        first_range = len(buckets["ids"])
        num_in_ranges = counts[first_range:].sum()
        num_moved = min(increase * counts.sum(), num_in_ranges)
        counts[first_range:] *= 1 - num_moved / max(num_in_ranges, 1)
        counts[0] += num_moved
    return stability_index(counts, new_counts)


def stability_index(counts: Counts, other_counts: Counts) -> float:
    """Returns the population stability index of two distributions.

    The index is the sum over buckets of (p - q) log(p / q), where p is the fraction of
    one distribution's values that lie in the bucket, and q the same fraction of the
    other distribution. Both arguments are the number of values in each bucket,
    (buckets,).
    """
    # Half a value is added to each bucket, so that no fraction is 0.
    p, q = (
        (count + 0.5) / (count.sum() + 0.5 * len(count))
        for count in (counts, other_counts)
    )
    return float(((p - q) * np.log(p / q)).sum())
