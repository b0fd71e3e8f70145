"""Which features count as drifted, and which fraction of their cells is empty."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from helpers.planted_data import loaded, parquet

from mtl_cli.data.table import Table
from mtl_cli.evaluation.feature_drift import (
    FeatureCounts,
    has_drifted,
    read_distribution,
)
from mtl_cli.features.sparse import Sparse


def encoded_rows(num_rows: int) -> Table:
    """Encoded rows whose values do not matter."""
    return Table({"ids": np.zeros((num_rows, 1))}, labels={}, weights={})


@pytest.mark.parametrize(
    ("psi", "missing", "trained_missing", "drifted"),
    [
        (0.1, 0.0, 0.0, True),
        (0.09, 0.30, 0.30, False),
        (0.09, 0.34, 0.30, False),
        (0.09, 0.36, 0.30, True),
        (0.09, 0.10, 0.30, False),
        (0.09, 0.06, None, True),
        (0.09, None, None, False),
    ],
)
def test_feature_has_drifted_by_its_psi_or_by_5_points_more_empty_or_unseen_cells(
    psi: float, missing: float | None, trained_missing: float | None, drifted: bool
) -> None:
    empty = {"missing": missing, "trained_missing": trained_missing}
    unseen = {"unseen": missing, "run_unseen": trained_missing}
    none = {"missing": None, "trained_missing": None}
    none |= {"unseen": None, "run_unseen": None}
    for shares in (empty, unseen):
        assert has_drifted({"psi": psi} | none | shares) == drifted


@pytest.mark.parametrize("rows_per_block", [2, 4])
def test_rows_with_an_empty_cell_of_any_column_are_missing(
    rows_per_block: int, tmp_path: Path
) -> None:
    rows = pa.table({"a": [None, None, 1, 1], "b": [2, None, None, 2]})
    feature = SimpleNamespace(source_columns=lambda name: ["a", "b"])
    features: Any = SimpleNamespace(
        by_name={"a_b": feature}, unseen_and_all_rows=lambda raw_rows, encoded: {}
    )
    feature_counts = FeatureCounts(features, tmp_path)
    for first_row in range(0, 4, rows_per_block):
        block = rows.slice(first_row, rows_per_block)
        feature_counts.add(encoded_rows(block.num_rows), block)
    (record,) = feature_counts.drift()
    assert (record["missing"], record["psi"]) == (0.75, None)


def test_sampled_row_counts_in_the_psi_for_the_rows_it_stands_for(
    tmp_path: Path,
) -> None:
    # Of the 40 rows with label 0, the new table keeps a quarter.
    buckets = {"ids": [0, 1, 2], "counts": [0, 10, 40, 0]}
    report = {"buckets": buckets, "missing": {"train": 0}, "unseen": {}}
    text = json.dumps({"features": {"shop": report}})
    (tmp_path / "data_report.json").write_text(text)
    ids = np.repeat([1, 2], 10)
    features: Any = SimpleNamespace(
        by_name={"shop": Sparse(kind="sparse")},
        all_values=lambda encoded, name: (ids, np.arange(20)),
    )
    labels = {"click": np.repeat([1.0, 0.0], 10)}
    log_rates = {"click": np.log(np.full(20, 0.25))}
    feature_counts = FeatureCounts(features, tmp_path)
    rows = replace(encoded_rows(20), labels=labels, log_rates=log_rates)
    feature_counts.add(rows)
    assert feature_counts.drift()[0]["psi"] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("cells", [[[1], []], [[1], None], ["1", ""]])
def test_empty_list_is_an_empty_cell_in_every_format(
    cells: list[Any], tmp_path: Path
) -> None:
    # An empty list in a Parquet file was no empty cell; in a text file, it was one.
    feature = SimpleNamespace(source_columns=lambda name: ["tags"])
    features: Any = SimpleNamespace(
        by_name={"tags": feature},
        column_kinds={"tags": "texts"},
        unseen_and_all_rows=lambda raw_rows, encoded: {},
    )
    feature_counts = FeatureCounts(features, tmp_path)
    block = pa.table({"tags": cells})
    feature_counts.add(encoded_rows(block.num_rows), block)
    assert feature_counts.drift()[0]["missing"] == 0.5


@pytest.mark.parametrize("count", [float("nan"), float("inf"), -1])
def test_count_that_is_no_number_of_values_is_damage(count: float) -> None:
    report: dict[str, Any] = {
        "buckets": {"ids": [1], "counts": [3, count]},
        "missing": {"train": 0.0},
        "unseen": {},
    }
    with pytest.raises(ValueError, match="a count is negative or not finite"):
        read_distribution(report)
    report["buckets"]["counts"] = [3, 2.5]
    assert read_distribution(report).counts.tolist() == [3, 2.5]


def test_unseen_values_of_the_run_are_those_of_its_test_rows(tmp_path: Path) -> None:
    report = {
        "buckets": {"ids": [1], "counts": [3, 1]},
        "missing": {"train": 0.1, "test": 0.2},
        "unseen": {"train": 0.0, "valid": 0.3, "test": 0.4},
    }
    text = json.dumps({"features": {"shop": report}})
    (tmp_path / "data_report.json").write_text(text)
    features: Any = SimpleNamespace(by_name={"shop": Sparse(kind="sparse")})
    (record,) = FeatureCounts(features, tmp_path).drift()
    assert (record["trained_missing"], record["run_unseen"]) == (0.1, 0.4)


def test_drift_of_the_validation_rows_is_that_of_the_data_report(
    tmp_path: Path,
) -> None:
    # With or without the cells of the rows, unseen values excuse themselves alone.
    random = np.random.default_rng(0)
    numbers = random.integers(0, 300, 3000)
    numbers[2500:] += 30
    is_empty = (np.arange(3000) >= 2500) & (np.arange(3000) % 10 == 0)
    cells = pa.array(numbers, mask=is_empty)
    columns = dict.fromkeys(["user", "shop", "price"], cells)
    rows = pa.table(columns | {"click": random.integers(0, 2, 3000)})
    features = {
        "user": {"kind": "sparse"},
        "shop": {"kind": "hashed", "num_buckets": 500},
        "price": {"kind": "bucketized", "num_buckets": 200, "missing": "bucket"},
    }
    tasks = {"click": {"kind": "binary", "label": "click"}}
    files = {
        split: str(parquet(tmp_path, table, f"{split}.parquet"))
        for split, table in (("train", rows[:2500]), ("valid", rows[2500:]))
    }
    data = loaded(features=features, tasks=tasks, **files)
    (tmp_path / "data_report.json").write_text(json.dumps(data.report))
    valid = data.splits["valid"].read(0, 500)
    for raw_rows in (None, rows[2500:]):
        feature_counts = FeatureCounts(data.features, tmp_path)
        feature_counts.add(valid, raw_rows)
        for record in feature_counts.drift():
            recorded = data.report["features"][record["name"]]
            assert recorded["missing"]["valid"] == 0.1
            assert record["psi"] == recorded["drift"]["valid"] > 0.1
