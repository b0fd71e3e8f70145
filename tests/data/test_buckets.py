"""Buckets of values, and the distance between two distributions on them."""

import json

import numpy as np
import pytest

from mtl_cli.data.buckets import (
    Buckets,
    bucket_counts,
    drift_from,
    make_buckets,
    stability_index,
)


def test_numbers_fall_into_ten_buckets_of_equal_size() -> None:
    values = np.random.default_rng(0).permutation(1000).astype("float32")
    buckets = make_buckets(values)
    assert buckets["counts"] == [100] * 10
    assert buckets["edges"] == list(range(100, 1000, 100))
    assert bucket_counts(buckets, np.float32([-1, 5000, 500, 499])).tolist() == (
        [1, 0, 0, 0, 1, 1, 0, 0, 0, 1]
    )
    assert bucket_counts(buckets, np.float32([-1])).tolist() == [1, *[0] * 9]


def test_id_0_and_frequent_ids_have_buckets_and_other_ids_share_ranges() -> None:
    repeats = np.array([*range(30, 10, -1), *[4] * 40, 1])
    ids = np.repeat(np.arange(1, 62), repeats).astype("int32")
    buckets = make_buckets(ids)
    assert buckets["ids"] == list(range(21))
    # The values of the 41 rarer ids are 27 % of all 571: ten ranges of four ids.
    assert buckets["range_edges"] == list(range(25, 61, 4))
    assert buckets["counts"] == [0, *range(30, 10, -1), *[16] * 9, 17]
    unseen_and_others = bucket_counts(buckets, np.int32([0, 3, 24, 25, 99, 3]))
    assert np.flatnonzero(unseen_and_others).tolist() == [0, 3, 21, 22, 30]
    assert unseen_and_others[3] == 2


def test_rare_ids_that_are_few_share_one_bucket() -> None:
    ids = np.repeat([1, 2, 3], [198, 1, 1])
    assert make_buckets(ids) == {
        "ids": [0, 1],
        "range_edges": [],
        "counts": [0, 198, 2],
    }


def test_unseen_values_in_place_of_rare_ids_are_no_drift() -> None:
    ids = np.repeat(np.arange(1, 102), [100, *[1] * 100])
    buckets = make_buckets(ids)
    for unseen in (0, 20, 50):
        rare = (100 - unseen) // 10
        new_counts = np.array([unseen, 100, *[rare] * 10])
        psi = drift_from(buckets, new_counts, unseen_increase=unseen / 200)
        assert psi == pytest.approx(0, abs=1e-3)
    half_empty = np.array([50, 100, *[5] * 10])
    assert drift_from(buckets, half_empty, unseen_increase=0.0) > 0.25
    in_place_of_a_frequent_id = np.array([50, 50, *[10] * 10])
    assert drift_from(buckets, in_place_of_a_frequent_id, unseen_increase=0.25) > 0.25


def test_buckets_of_an_earlier_version_count_all_other_ids_in_one() -> None:
    buckets: Buckets = {"ids": [3, 5], "counts": [9, 9, 9]}
    assert bucket_counts(buckets, np.int32([0, 3, 4, 5, 5])).tolist() == [1, 2, 2]


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


def test_value_of_most_rows_has_a_bucket_of_its_own() -> None:
    flags = np.repeat(np.float32([0, 1]), [92, 8])
    amounts = np.append(np.zeros(92, "float32"), np.arange(1, 9, dtype="float32"))
    for values in (flags, amounts):
        buckets = make_buckets(values)
        assert buckets["counts"][:2] == [0, 92]
        more_above_0 = bucket_counts(buckets, values.repeat(1 + 20 * (values > 0)))
        assert stability_index(np.array(buckets["counts"]), more_above_0) > 1


def test_index_is_the_symmetric_divergence_of_the_shares() -> None:
    counts, other = np.array([900, 100]), np.array([50, 50])
    p, q = np.array([900.5, 100.5]) / 1001, np.array([50.5, 50.5]) / 101
    expected = ((p - q) * np.log(p / q)).sum()
    assert stability_index(counts, other) == pytest.approx(expected, rel=1e-12)
    assert stability_index(other, counts) == pytest.approx(expected, rel=1e-12)
    assert stability_index(counts, counts) == 0
    assert np.isfinite(stability_index(np.array([5, 0]), np.array([0, 5])))
