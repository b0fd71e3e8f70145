"""Dense features: transforms, and what empty cells count as."""

import numpy as np
import pyarrow as pa
import pytest
import sklearn.preprocessing
from helpers.fitted_columns import fit_and_encode, fitted_column, numbers_of
from helpers.numeric_columns import SKEWED

from mtl_cli.features.dense import Dense

FLOAT32 = 1e-6  # what `transform` returns is rounded to float32

OUTSIDE = np.array([-1e4, SKEWED.min(), 0, SKEWED.max(), 1e6])


def signed_log(x):
    return np.sign(x) * np.log(1 + np.abs(x))


@pytest.mark.parametrize(
    ("transform", "expected"),
    [
        ("none", lambda train, x: x),
        (
            "minmax",
            lambda train, x: (
                sklearn.preprocessing.MinMaxScaler().fit(train).transform(x)
            ),
        ),
        (
            "standard",
            lambda train, x: (
                sklearn.preprocessing.StandardScaler().fit(train).transform(x)
            ),
        ),
        (
            "log1p",
            lambda train, x: (
                (signed_log(x) - signed_log(train).mean()) / signed_log(train).std()
            ),
        ),
        (
            "quantile",
            lambda train, x: (
                sklearn.preprocessing.QuantileTransformer(
                    n_quantiles=1001, subsample=None
                )
                .fit(train)
                .transform(x)
            ),
        ),
    ],
)
def test_dense_transform_equals_its_plain_formula(transform, expected):
    features = fitted_column(Dense(kind="dense", transform=transform), SKEWED)
    assert features.layout.width("dense") == 1
    for values in (SKEWED, OUTSIDE):
        found = numbers_of(features, values)
        assert found.dtype == np.float32
        np.testing.assert_allclose(
            found,
            expected(SKEWED[:, None], values[:, None]),
            rtol=FLOAT32,
            atol=FLOAT32,
        )


def test_quantile_of_a_value_is_the_share_of_rows_up_to_it_also_with_ties():
    x = np.concatenate([np.zeros(800), np.arange(1, 201)]).astype("float64")
    found = numbers_of(fitted_column(Dense(kind="dense", transform="quantile"), x), x)[
        :, 0
    ]
    share = np.array([(x <= value).mean() for value in x])
    np.testing.assert_allclose(found, share, atol=2e-3)  # 1000 steps


@pytest.mark.parametrize("constant", [0.0, 3.0, 0.1, -1e9 / 3])
@pytest.mark.parametrize("transform", ["standard", "minmax", "log1p"])
def test_constant_column_becomes_zero(transform, constant):
    # Also where the mean of equal numbers is off by a rounding.
    features = fitted_column(
        Dense(kind="dense", transform=transform), np.full(1000, constant)
    )
    np.testing.assert_allclose(numbers_of(features, [constant]), 0, atol=1e-6)
    other = numbers_of(features, [constant + 1])
    assert abs(other).item() <= 1.001


@pytest.mark.parametrize("kind", [pa.int8(), pa.int64(), pa.float32(), pa.bool_()])
def test_every_numeric_type_can_be_a_dense_feature(kind):
    values = pa.array([1, 0, 1], pa.int8()).cast(kind)
    features = fitted_column(Dense(kind="dense", transform="none"), values)
    assert numbers_of(features, values).tolist() == [[1], [0], [1]]


@pytest.mark.parametrize(
    ("missing", "transform", "filled"),
    [
        ("mean", "none", 4.0),
        ("median", "none", 2.0),
        (7.0, "none", 7.0),
        (-1, "none", -1.0),
        # Of 1, 2 and 9: mean 4, standard deviation the root of 38 / 3.
        ("mean", "standard", 0.0),
        ("median", "standard", -2 / np.sqrt(38 / 3)),
        (9.0, "minmax", 1.0),
        ("median", "minmax", 1 / 8),
        (17.0, "minmax", 2.0),
        ("median", "quantile", 0.5),
    ],
)
def test_empty_cell_counts_as_the_configured_number(missing, transform, filled):
    feature = Dense(kind="dense", transform=transform, missing=missing)
    column = [1.0, None, 2.0, 9.0, float("nan")]
    feature_set, found = fit_and_encode({"x": feature}, x=pa.array(column))
    complete = Dense(kind="dense", transform=transform)
    _, known = fit_and_encode({"x": complete}, x=[1.0, 2.0, 9.0])
    np.testing.assert_array_equal(found["dense"][[0, 2, 3]], known["dense"])
    np.testing.assert_allclose(found["dense"][[1, 4], 0], filled, rtol=FLOAT32)
    later = feature_set.encode(pa.table({"x": pa.array([None], pa.float64())}))
    np.testing.assert_allclose(later["dense"], filled, rtol=FLOAT32)
