"""Buckets of values, and the distance between two distributions on them."""

import json

import numpy as np
import pytest

from mtl_cli.data.buckets import bucket_counts, make_buckets, stability_index


def test_numbers_fall_into_ten_buckets_of_equal_size() -> None:
    values = np.random.default_rng(0).permutation(1000).astype("float32")
    buckets = make_buckets(values)
    assert buckets["counts"] == [100] * 10
    assert buckets["edges"] == pytest.approx(np.linspace(0, 999, 11)[1:-1])
    assert bucket_counts(buckets, np.float32([-1, 5000, 500, 499])).tolist() == (
        [1, 0, 0, 0, 1, 1, 0, 0, 0, 1]
    )
    assert bucket_counts(buckets, np.float32([-1])).tolist() == [1, *[0] * 9]


def test_frequent_ids_have_buckets_and_all_others_share_one() -> None:
    ids = np.repeat(np.arange(30), np.arange(30, 0, -1)).astype("int32")
    buckets = make_buckets(ids)
    assert buckets["ids"] == list(range(20))
    assert buckets["counts"] == [*range(30, 10, -1), sum(range(1, 11))]
    assert bucket_counts(buckets, np.int32([3, 25, 99, 3])).tolist() == (
        [0, 0, 0, 2, *[0] * 16, 2]
    )
    assert bucket_counts(buckets, np.int32([0])).tolist() == [1, *[0] * 20]


def test_value_counts_as_often_as_its_weight() -> None:
    random = np.random.default_rng(2)
    for values in (random.integers(0, 40, 300), random.normal(size=300).round(1)):
        repeats = random.integers(1, 5, 300)
        buckets = make_buckets(values, repeats.astype("float64"))
        repeated = bucket_counts(buckets, values.repeat(repeats))
        assert repeated.tolist() == buckets["counts"]
        unweighted = bucket_counts(buckets, values)
        assert make_buckets(values) == buckets | {"counts": unweighted.tolist()}


def test_buckets_survive_json() -> None:
    values = np.random.default_rng(1).normal(size=500).astype("float32")
    buckets = make_buckets(values)
    again = json.loads(json.dumps(buckets))
    assert bucket_counts(again, values).tolist() == buckets["counts"]


def test_constant_column_has_one_edge() -> None:
    buckets = make_buckets(np.ones(50, "float32"))
    assert buckets == {"edges": [1.0], "counts": [0, 50]}


def test_index_is_the_symmetric_divergence_of_the_shares() -> None:
    counts, other = np.array([900, 100]), np.array([50, 50])
    p, q = np.array([900.5, 100.5]) / 1001, np.array([50.5, 50.5]) / 101
    expected = ((p - q) * np.log(p / q)).sum()
    assert stability_index(counts, other) == pytest.approx(expected, rel=1e-12)
    assert stability_index(other, counts) == pytest.approx(expected, rel=1e-12)
    assert stability_index(counts, counts) == 0
    assert np.isfinite(stability_index(np.array([5, 0]), np.array([0, 5])))
