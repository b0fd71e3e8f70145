"""Which features count as drifted, and which fraction of their cells is empty."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from mtl_cli.data.table import Table
from mtl_cli.evaluation.feature_drift import (
    FeatureCounts,
    has_drifted,
    read_distribution,
)


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
        by_name={"shop": None}, all_values=lambda encoded, name: (ids, np.arange(20))
    )
    labels = {"click": np.repeat([1.0, 0.0], 10)}
    log_rates = {"click": np.log(np.full(20, 0.25))}
    feature_counts = FeatureCounts(features, tmp_path)
    feature_counts.add(Table({}, labels, weights={}, log_rates=log_rates))
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
    features: Any = SimpleNamespace(by_name={"shop": None})
    (record,) = FeatureCounts(features, tmp_path).drift()
    assert (record["trained_missing"], record["run_unseen"]) == (0.1, 0.4)
