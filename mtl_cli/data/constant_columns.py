"""Sets columns to one value in all rows, instead of the values of a table.

A model may have learnt from a column whose values are unknown when it predicts, such as
the position at which an item was shown. All rows then get the same value.
"""

import json
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from mtl_cli.columns.numeric import CellError
from mtl_cli.core.errors import ConfigError, DataError, first_line
from mtl_cli.core.message_text import shown, suggest
from mtl_cli.data.feature_set import FeatureSet
from mtl_cli.features.base import Feature


def with_constants(
    features: FeatureSet, values: Mapping[str, Any], option: str
) -> FeatureSet:
    """Returns features that read the given values instead of the values of a table.

    Args:
        values: {column: its value in all rows}; None and NaN are empty cells.
        option: how messages name the source of the values, such as `--set`.
    """
    if not values:
        return features
    columns = list(features.column_kinds)
    if not isinstance(values, Mapping) or not all(isinstance(c, str) for c in values):
        raise ConfigError(
            f"{option}: {shown(values)} is not a dict with names of columns as keys; "
            'give a dict such as {"position": 1}'
        )
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
        check_constants(name, feature, constants, option)
    return FeatureSet(features.by_name, features.learnt, constants)


def check_constants(
    name: str, feature: Feature, constants: pa.Table, option: str
) -> None:
    """Refuses values that a feature cannot read."""
    columns = feature.source_columns(name)
    set_columns = [c for c in columns if c in constants.column_names]
    other_columns = [c for c in columns if c not in constants.column_names]
    key = f"{option} {', '.join(set_columns)}"
    if other_columns and set_columns and feature.aligns_columns:
        raise ConfigError(
            f"{key}: feature {name} needs as many values in the column "
            f"'{other_columns[0]}'; set both columns or neither"
        )
    try:
        if not other_columns:
            feature.read(name, constants)
    except CellError as error:
        # The rest of the error's text counts rows and gives advice about a file.
        raise ConfigError(f"{key}: the value {error.fault}") from None
    except DataError as error:
        raise ConfigError(f"{key}: {error}") from None


def one_cell(column: str, value: Any, option: str) -> pa.Array:
    """Refuses a value that JSON cannot hold, because exports record it as JSON."""
    try:
        cells = pa.array([value], from_pandas=True)  # NaN becomes null
        json.dumps(cells.to_pylist(), allow_nan=False)
        return cells
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        raise ConfigError(
            f"{option} {column}: {first_line(error)}; give a text, a finite float, or "
            "a whole number of at most 64 bits"
        ) from None
