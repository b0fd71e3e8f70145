"""Numeric columns: cells that are refused, and cuts of few values."""

import numpy as np
import pyarrow as pa
import pytest
from helpers.fitted_columns import column_table, fit_and_encode, fitted_column

from mtl_cli.columns.arrow_types import with_plain_types
from mtl_cli.columns.cuts import choose_cuts
from mtl_cli.columns.numeric import as_numbers
from mtl_cli.core.errors import DataError
from mtl_cli.features.bucketized import Bucketized
from mtl_cli.features.dense import Dense
from mtl_cli.features.piecewise_linear import PiecewiseLinear


def test_few_distinct_values_have_a_bucket_each():
    assert choose_cuts(np.array([3.0, 1, 2, 1, 1]), 3) == [2, 3]
    assert choose_cuts(np.array([3.0, 3, 3]), 3) == []


NUMERIC = [
    Dense(kind="dense", transform="standard"),
    Bucketized(kind="bucketized", num_buckets=4),
    PiecewiseLinear(kind="piecewise_linear", num_buckets=4),
]


@pytest.mark.parametrize("feature", NUMERIC, ids=lambda f: f.kind)
def test_text_in_a_numeric_feature_is_refused_with_what_to_do(feature):
    with pytest.raises(DataError, match=r"feature x: .*text.*kind to sparse"):
        fitted_column(feature, ["1", "two"])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, None])
@pytest.mark.parametrize("feature", NUMERIC, ids=lambda f: f.kind)
def test_empty_or_infinite_number_is_refused_with_its_row(feature, bad):
    with pytest.raises(DataError, match=r"feature x: .*row 3 .*2 such rows"):
        fitted_column(feature, [1.0, 2.0, bad, 4.0, bad])
    features = fitted_column(feature, [1.0, 2.0])
    with pytest.raises(DataError, match=r"feature x: .*row 2 .*1 such row"):
        features.encode(column_table([1.0, bad]))


@pytest.mark.parametrize(
    ("column", "wrong"),
    [
        (["1", "two"], "row 2 holds 'two', not a number"),
        ([[1], [2]], "needs numbers, but the column holds list<item: int64>"),
    ],
)
def test_column_that_is_no_number_is_refused_with_what_to_do(column, wrong):
    with pytest.raises(DataError, match=f"feature x: {wrong}"):
        fit_and_encode({"x": Dense(kind="dense", transform="none")}, x=column)


def test_spaces_around_numbers_are_ignored_as_in_csv_files() -> None:
    cells = pa.chunked_array([[" 1", "2\t", None]])
    np.testing.assert_array_equal(as_numbers("x", cells), [1, 2, np.nan])


@pytest.mark.parametrize(
    "dtype", [pa.decimal32(9, 4), pa.decimal128(38, 9), pa.decimal256(60, 30)], ids=str
)
def test_decimals_are_the_nearest_floats_as_their_texts_are(dtype: pa.DataType) -> None:
    texts = [f"{cents / 100:.2f}" for cents in range(-10_000, 10_001)]
    table = pa.table({"x": pa.array([*texts, None]).cast(pa.decimal128(9, 4))})
    (column,) = with_plain_types(table.cast(pa.schema({"x": dtype}))).columns
    numbers = as_numbers("x", column)
    np.testing.assert_array_equal(numbers, [*map(float, texts), np.nan])
