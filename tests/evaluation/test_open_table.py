"""Tables in memory that are evaluated."""

from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
from helpers.planted_data import config, values

from mtl_cli.core.errors import DataError
from mtl_cli.evaluation.open_table import opened_table


def test_table_without_a_feature_is_refused_by_the_features_name() -> None:
    features = {"user": {"kind": "sparse"}, "price": {"kind": "dense"}}
    tasks = {"click": {"label": "click", "kind": "binary"}}
    model: Any = SimpleNamespace(config=config(values("x.parquet", features, tasks)))
    table = pa.table({"user": ["a"], "click": [1]})
    with (
        pytest.raises(DataError, match="price: no column 'price' in the table"),
        opened_table(model, table, []),
    ):
        pass
