"""Bucketized features: where the buckets are cut, and the bucket of each number."""

import numpy as np
import pyarrow as pa
import pytest
from helpers.fitted_columns import fit_and_encode, fitted_column, ids_of
from helpers.numeric_columns import COLUMNS
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mtl_cli.columns.cuts import choose_cuts
from mtl_cli.core.errors import DataError
from mtl_cli.features.bucketized import Bucketized


def buckets_of(x, num_buckets):
    """The number of training rows in each bucket, and the bucket of each row."""
    x = np.asarray(x, "float64")
    features = fitted_column(Bucketized(kind="bucketized", num_buckets=num_buckets), x)
    size = features.layout.tables["x"].size
    assigned = np.array(ids_of(features, x))
    return np.bincount(assigned, minlength=size)[1:], assigned


@pytest.mark.parametrize("sign", [1, -1], ids=["above_zero", "below_zero"])
@pytest.mark.parametrize("num_buckets", [5, 16, 64])
def test_value_of_most_rows_has_its_own_bucket_and_the_rest_share_evenly(
    num_buckets, sign
):
    random = np.random.default_rng(0)
    x = sign * np.where(random.random(20_000) < 0.8, 0, random.lognormal(7, 1, 20_000))
    counts, assigned = buckets_of(x, num_buckets)
    (home,) = set(assigned[x == 0])
    assert (assigned == home).sum() == (x == 0).sum()
    others = np.delete(counts, home - 1)
    assert num_buckets - 2 <= len(others) <= num_buckets - 1
    assert others.max() - others.min() <= 2  # a quantile rounds to a whole row


def test_heavy_value_in_the_middle_has_its_own_bucket():
    x = np.concatenate([np.linspace(-1, 1, 1001), np.full(800, 0.25)])
    counts, assigned = buckets_of(x, 10)
    (home,) = set(assigned[x == 0.25])
    assert set(x[assigned == home]) == {0.25}
    assert len(counts) <= 10


def test_buckets_of_distinct_values_are_equal_in_rows():
    x = np.random.default_rng(1).permutation(1000).astype("float64")
    counts, _ = buckets_of(x, 10)
    assert len(counts) == 10
    assert counts.max() - counts.min() <= 1


PROPERTY = settings(max_examples=300, deadline=None, derandomize=True)


@pytest.mark.slow
@given(COLUMNS, st.integers(2, 12))
@example([0.0, 1.0, 1.0, 2.0], 2)
@example([0.0] + [1.0] * 3 + [2.0] + [3.0] * 3 + [4.0], 3)
@PROPERTY
def test_there_are_never_more_than_num_buckets_buckets(values, num_buckets):
    found = choose_cuts(np.array(values), num_buckets)
    assert len(found) + 1 <= num_buckets


@pytest.mark.slow
@given(COLUMNS, st.integers(2, 12))
@PROPERTY
def test_no_bucket_is_empty_and_greater_values_have_greater_buckets(
    values, num_buckets
):
    counts, assigned = buckets_of(values, num_buckets)
    assert (counts > 0).all()
    order = np.argsort(values)
    assert (np.diff(assigned[order]) >= 0).all()
    same = np.diff(np.array(values)[order]) == 0
    assert (np.diff(assigned[order])[same] == 0).all()


@pytest.mark.slow
@given(COLUMNS, COLUMNS, st.integers(2, 12))
@PROPERTY
def test_bucket_of_any_number_is_an_index_of_the_vocabulary(train, other, num_buckets):
    features = fitted_column(
        Bucketized(kind="bucketized", num_buckets=num_buckets), train
    )
    size = features.layout.tables["x"].size
    found = ids_of(features, [*other, -1.7e308, 1.7e308])
    assert min(found) >= 1
    assert max(found) < size


def test_value_on_an_edge_lies_above_it_and_a_missing_one_has_index_0():
    feature = Bucketized(kind="bucketized", edges=[0.0, 10.0], missing="bucket")
    values = [-1.0, 0.0, 9.99, 10.0, None, float("nan"), -0.0, 1e300]
    feature_set, found = fit_and_encode({"x": feature}, x=pa.array(values))
    assert found["ids"][:, 0].tolist() == [1, 2, 2, 3, 0, 0, 2, 3]
    assert feature_set.layout.tables["x"].size == 4


def test_empty_cells_do_not_move_the_cuts_of_buckets():
    feature = Bucketized(kind="bucketized", num_buckets=2, missing="bucket")
    known = [1.0, 2.0, 3.0, 4.0]
    feature_set, found = fit_and_encode({"x": feature}, x=[*known, *[None] * 50])
    alone, _ = fit_and_encode({"x": feature}, x=known)
    assert feature_set.learnt == alone.learnt
    assert alone.learnt == {"x": {"cuts": [3.0], "low": 1.0, "high": 4.0}}
    assert found["ids"][:5, 0].tolist() == [1, 1, 2, 2, 0]


def test_message_about_a_huge_number_names_the_ramps():
    feature = Bucketized(kind="bucketized", num_buckets=2, ramps=True)
    with pytest.raises(DataError, match="or set the feature's ramps to false"):
        fitted_column(feature, [1.0, 1e300])
