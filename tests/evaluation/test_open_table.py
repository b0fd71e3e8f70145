"""Tables in memory that are evaluated."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
from helpers.planted_data import config, parquet, values

from mtl_cli.core.errors import DataError
from mtl_cli.evaluation.open_table import opened_for_evaluation


def test_table_without_a_feature_is_refused_by_the_features_name() -> None:
    features = {"user": {"kind": "sparse"}, "price": {"kind": "dense"}}
    tasks = {"click": {"label": "click", "kind": "binary"}}
    model: Any = SimpleNamespace(config=config(values("x.parquet", features, tasks)))
    table = pa.table({"user": ["a"], "click": [1]})
    with (
        pytest.raises(DataError, match="price: no column 'price' in the table"),
        opened_for_evaluation(model, table, []),
    ):
        pass


@pytest.mark.parametrize("order", [["whole", "sampled"], ["sampled", "whole"]])
def test_file_without_the_sampling_rate_of_another_is_refused(
    order: list[str], tmp_path: Path
) -> None:
    columns: dict[str, list[float]] = {"price": [1.0, 2.0], "click": [0, 1]}
    sampled = columns | {"rate": [0.1] * 2}
    files = {
        "whole": str(parquet(tmp_path, columns, "whole.parquet")),
        "sampled": str(parquet(tmp_path, sampled, "sampled.parquet")),
    }
    tasks = {"click": {"label": "click", "kind": "binary", "sampling_rate": "rate"}}
    settings = values("x.parquet", {"price": {"kind": "dense"}}, tasks)
    model: Any = SimpleNamespace(config=config(settings), folder=tmp_path)
    with (
        pytest.raises(DataError, match=r"sampling_rate: no column 'rate' in .*whole"),
        opened_for_evaluation(model, [files[name] for name in order], []),
    ):
        pass
    with opened_for_evaluation(model, files["whole"], []) as (_, plan):
        assert "as if no rows were sampled" in plan.remarks[0]
