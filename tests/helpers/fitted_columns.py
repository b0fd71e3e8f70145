"""Fits features on a few values, and encodes them."""

import pyarrow as pa
from helpers.planted_data import fitted_features

HUGE = 2**53 + 1  # float64 cannot hold this number


def fitted_column(feature, values):
    """Fits one feature, named `x`, on a column of values."""
    return fitted_features({"x": feature}, column_table(values))


def column_table(values):
    """Makes a table of one column, named `x`. None is an empty cell."""
    column = values if isinstance(values, pa.Array) else pa.array(values)
    return pa.table({"x": column})


def ids_of(features, values):
    """Encodes values of a sparse or bucketized feature `x`, and returns their ids."""
    return features.encode(column_table(values))["ids"][:, 0].tolist()


def numbers_of(features, values):
    """Encodes values of a dense or piecewise-linear feature `x`, (rows, width)."""
    return features.encode(column_table(values))["dense"]


def fit_and_encode(features, **columns):
    """Fits features on columns; returns the features and the encoded columns."""
    table = pa.table(columns)
    feature_set = fitted_features(features, table)
    return feature_set, feature_set.encode(table)


def encoded_ids(feature, values, **columns):
    """Fits one feature, named `x`, on columns, and returns the ids of `x`."""
    return fit_and_encode({"x": feature}, x=values, **columns)[1]["ids"][:, 0].tolist()
