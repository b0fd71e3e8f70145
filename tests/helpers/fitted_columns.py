"""Features fitted on the rows of a table, for tests."""

import pyarrow as pa
from helpers.planted_data import fitted_features

HUGE = 2**53 + 1  # more than a double holds


def fitted_column(feature, values):
    """A feature `x`, fitted on a column of these values."""
    return fitted_features({"x": feature}, column_table(values))


def column_table(values):
    """A table of one column `x`; None is an empty cell."""
    column = values if isinstance(values, pa.Array) else pa.array(values)
    return pa.table({"x": column})


def ids_of(features, values):
    """The ids of one sparse or bucketized column."""
    return features.encode(column_table(values))["ids"][:, 0].tolist()


def numbers_of(features, values):
    """The numbers of one dense or piecewise-linear column: (rows, K)."""
    return features.encode(column_table(values))["dense"]


def fit_and_encode(features, **columns):
    """Features fitted on columns, and the encoded rows of these columns."""
    table = pa.table(columns)
    feature_set = fitted_features(features, table)
    return feature_set, feature_set.encode(table)


def encoded_ids(feature, values, **columns):
    """The ids of one feature `x`."""
    return fit_and_encode({"x": feature}, x=values, **columns)[1]["ids"][:, 0].tolist()
