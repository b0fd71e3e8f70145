"""Sets columns to one value in all rows, instead of the values of a table.

A model may have learnt from a column whose values are unknown when it predicts, such as
the position at which an item was shown. All rows then get the same value.
"""

import json
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from mtl_cli.core.errors import ConfigError, DataError, RowError, first_line, suggest
from mtl_cli.data.feature_set import FeatureSet


def with_constants(
    features: FeatureSet, values: Mapping[str, Any], option: str
) -> FeatureSet:
    """Returns features that read the same values in all rows.

    Args:
        values: {column: its value in all rows}; None is an empty cell.
        option: the option or argument that gives the values, for messages.
    """
    if not values:
        return features
    columns = list(features.column_kinds)
    for column in values:
        if column not in columns:
            raise ConfigError(
                f"{option}: no feature of the run reads a column '{column}'"
                f"{suggest(column, columns)}"
            )
    if len(values) == len(columns):
        raise ConfigError(
            f"{option}: every column that a feature reads is set, so all rows would "
            "be equal; leave out at least one column"
        )
    constants = pa.table(
        {column: one_cell(column, value, option) for column, value in values.items()}
    )
    for name, feature in features.by_name.items():
        if set(feature.source_columns(name)) <= set(values):
            check_constants(name, features, constants, option)
    return features.with_constants(constants)


def one_cell(column: str, value: Any, option: str) -> pa.Array:
    """Returns a column with one cell; refuses a value that JSON cannot hold.

    Exported models record the values as JSON.
    """
    try:
        cells = pa.array([value])
        json.dumps(cells.to_pylist())
        return cells
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        raise ConfigError(
            f"{option} {column}: {first_line(error)}; give a number or a text"
        ) from None


def check_constants(
    name: str, features: FeatureSet, constants: pa.Table, option: str
) -> None:
    """Checks that a feature can read its columns from a table of one row."""
    feature = features.by_name[name]
    try:
        feature.read(name, constants)
    except RowError as error:
        # The problem ends in "(1 such rows); FIX", which makes no sense for an option:
        # this is cut off. The value before may hold "; " too.
        problem = error.problem.rpartition("; ")[0] or error.problem
        problem = problem.removesuffix(" (1 such rows)").replace(", 1 such rows)", ")")
        raise ConfigError(f"{option} {name}: the value {problem}") from None
    except DataError as error:
        raise ConfigError(f"{option} {name}: {error}") from None
