"""Tables in memory that are evaluated."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
from helpers.planted_data import config, parquet, values

from mtl_cli.core.errors import DataError
from mtl_cli.data.files import find_files
from mtl_cli.data.fingerprint import hash_files
from mtl_cli.evaluation.open_table import is_training_table, opened_for_evaluation


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


def test_table_is_evaluated_if_the_run_has_a_table_that_cannot_be_looked_up(
    tmp_path: Path,
) -> None:
    features = {"price": {"kind": "dense"}}
    tasks = {"click": {"label": "click", "kind": "binary"}}
    # Like a file in the folder of another user, such a long name raises an `OSError`.
    other_table = {"test": f"{'x' * 300}.csv", "test_fraction": 0.0}
    settings = values("x.parquet", features, tasks, **other_table)
    model: Any = SimpleNamespace(config=config(settings), folder=tmp_path)
    assert not is_training_table(model, str(tmp_path / "table.csv"))


def test_training_table_is_known_if_the_test_rows_fill_a_folder(tmp_path: Path) -> None:
    train = parquet(tmp_path, {"price": [1.0, 2.0], "click": [0, 1]})
    (tmp_path / "test").mkdir()
    parquet(tmp_path / "test", {"price": [3.0, 4.0], "click": [0, 1]}, "1.parquet")
    locations = {"train": str(train), "test": str(tmp_path / "test")}
    tables = {name: find_files(name, x, "parquet") for name, x in locations.items()}
    environment = json.dumps({"data_hash": hash_files(tables)})
    (tmp_path / "environment.json").write_text(environment)
    features = {"price": {"kind": "dense"}}
    tasks = {"click": {"label": "click", "kind": "binary"}}
    settings = values(
        str(train), features, tasks, test=locations["test"], valid_fraction=0.5
    )
    model: Any = SimpleNamespace(config=config(settings), folder=tmp_path)
    assert is_training_table(model, str(train))
    assert not is_training_table(model, str(tmp_path / "test" / "1.parquet"))
