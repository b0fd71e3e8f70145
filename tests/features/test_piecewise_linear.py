"""Piecewise linear features: how far a number reaches into each bucket."""

import itertools

import numpy as np
import pytest
from helpers.fitted_columns import fit_and_encode, fitted_column, numbers_of
from helpers.numeric_columns import COLUMNS, SKEWED
from hypothesis import given, settings
from hypothesis import strategies as st

from mtl_cli.columns.cuts import choose_cuts
from mtl_cli.features.bucketized import Bucketized
from mtl_cli.features.piecewise_linear import PiecewiseLinear

FLOAT32 = 1e-6  # what `transform` returns is rounded to float32

PROPERTY = settings(max_examples=300, deadline=None, derandomize=True)


def papers_encoding(x, ends):
    """Equation 1 of Gorishniy et al. (2022), a loop; `ends` are b_0 ... b_T."""
    code = []
    for low, high in itertools.pairwise(ends):
        if x < low:
            code.append(0.0)
        elif x >= high:
            code.append(1.0)
        else:
            code.append((x - low) / (high - low))
    return code


def test_piecewise_linear_encoding_equals_the_papers_formula():
    features = fitted_column(
        PiecewiseLinear(kind="piecewise_linear", num_buckets=8), SKEWED
    )
    ends = [SKEWED.min(), *choose_cuts(SKEWED, 8), SKEWED.max()]
    assert features.layout.width("dense") == len(ends) - 1 == 8
    expected = [papers_encoding(x, ends) for x in SKEWED]
    np.testing.assert_allclose(numbers_of(features, SKEWED), expected, rtol=FLOAT32)


@pytest.mark.slow
@given(COLUMNS, COLUMNS, st.integers(2, 8))
@PROPERTY
def test_piecewise_linear_encoding_fills_buckets_one_after_another(
    train, other, num_buckets
):
    feature = PiecewiseLinear(kind="piecewise_linear", num_buckets=num_buckets)
    # Six decimals: buckets so narrow that a ratio overflows are not the point here.
    train, other = (np.round(np.clip(x, -1e30, 1e30), 6) for x in (train, other))
    features = fitted_column(feature, train)
    code = numbers_of(features, np.sort(other))
    assert code.shape == (len(other), features.layout.width("dense"))
    assert ((code >= 0) & (code <= 1)).all()
    # A bucket is entered only when the one before is full.
    assert (code[:, :-1][code[:, 1:] > 0] == 1).all()
    assert (np.diff(code.sum(axis=1)) >= 0).all()


def test_piecewise_linear_encoding_tells_training_values_apart():
    x = np.array([0.0, 1, 1, 5, 5, 9])
    features = fitted_column(PiecewiseLinear(kind="piecewise_linear", num_buckets=8), x)
    assert len(np.unique(numbers_of(features, x), axis=0)) == 4


def test_number_outside_of_the_training_range_counts_as_its_nearest_number():
    # The largest number has a bucket of its own, which is empty.
    x = np.array([0.0, 1, 1, 5, 5, 9])
    features = fitted_column(PiecewiseLinear(kind="piecewise_linear", num_buckets=8), x)
    outside = numbers_of(features, np.array([-1.0, -1e30, 9.5, 1e30]))
    nearest = numbers_of(features, np.array([0.0, 0.0, 9.0, 9.0]))
    np.testing.assert_array_equal(outside, nearest)


def test_ramp_of_an_empty_first_bucket_is_learnt_over_one_unit():
    edges = [0.0, 10.0, 100.0]  # no number is below the lowest edge
    feature = Bucketized(kind="bucketized", edges=edges, ramps=True)
    features = fitted_column(feature, np.array([0.0, 5.0, 50.0, 200.0]))
    np.testing.assert_allclose(
        numbers_of(features, np.array([0.0, 0.5, 3.0])),
        [[0, 0, 0, 0], [0.5, 0.05, 0, 0], [1, 0.3, 0, 0]],
    )


def test_empty_cell_counts_as_the_configured_number():
    keys = {"kind": "piecewise_linear", "num_buckets": 2}
    _, found = fit_and_encode(
        {"x": PiecewiseLinear(**keys, missing="median")}, x=[0.0, 1.0, 4.0, None]
    )
    _, known = fit_and_encode({"x": PiecewiseLinear(**keys)}, x=[0.0, 1.0, 4.0])
    np.testing.assert_array_equal(found["dense"][:3], known["dense"])
    np.testing.assert_array_equal(found["dense"][3], known["dense"][1])


@pytest.mark.parametrize(
    ("keys", "end"),
    [
        ({}, "high"),
        ({"missing": "mean"}, "high; x = missing if the cell is empty"),
        (
            {"missing": "bucket"},
            "high, all 0 if the cell is empty; then 1 if it is not empty, else 0",
        ),
    ],
)
def test_text_says_how_the_columns_are_filled(keys, end):
    learnt = {"low": 0.0, "cuts": [1.0, 2.0, 3.0], "high": 4.0, "missing": 1.5}
    if keys.get("missing") != "mean":
        del learnt["missing"]
    feature = PiecewiseLinear(kind="piecewise_linear", num_buckets=4, **keys)
    text = feature.numbers_text(learnt)
    assert text.startswith("4 ramps clipped to 0..1: (x - start) / (end - start)")
    assert text.endswith(end)


def test_text_of_a_bucketized_feature_is_about_its_ramps_alone():
    learnt = {"low": 0.0, "cuts": [1.0], "high": 4.0}
    keys = {"kind": "bucketized", "num_buckets": 2, "missing": "bucket"}
    assert Bucketized(**keys).numbers_text(learnt) == ""
    text = Bucketized(**keys, ramps=True).numbers_text(learnt)
    assert text.startswith("2 ramps clipped to 0..1")
    assert text.endswith("; all 0 if the cell is empty")
