"""Tables of scores name what counted, and a data report fills one screen at most."""

from pathlib import Path
from typing import Any

import pytest
from helpers.planted_data import declared, outputs

from mtl_cli.runs.console import Console
from mtl_cli.runs.text_tables import format_metric, score_tables, tables_by_metrics

TASKS = {
    "click": {"label": "click", "kind": "binary"},
    "buy": {"label": "buy", "kind": "binary"},
    "spent": {"label": "spent", "kind": "regression"},
}
CLICK = {"auc": 0.7, "gauc": 0.6, "rows": 2000, "positives": 100, "groups": 1234}
SPENT = {"r2": 0.5, "rows": 2000}


def test_number_of_groups_stands_behind_group_auc_alone() -> None:
    dataset = declared("x.csv", {"user": {"kind": "sparse"}}, TASKS)
    without_groups = {"auc": 0.8, "rows": 30, "positives": 3}
    scores = {"click": CLICK, "buy": without_groups, "spent": SPENT}
    binary, regression = score_tables(outputs(dataset), scores)
    assert binary == [
        ["task", "auc", "gauc", "rows", "positives", "groups"],
        ["click", "0.7000", "0.6000", "2,000", "100", "1,234"],
        ["buy", "0.8000", "-", "30", "3", "-"],
    ]
    assert regression == [["task", "r2", "rows"], ["spent", "0.5000", "2,000"]]


def test_tables_by_metrics_have_the_counts_of_their_scores() -> None:
    rows = [
        ("click", {"auc": "0.7 ±0.1", "gauc": "0.6 ±0.1"}, CLICK),
        ("spent", {"r2": "0.5 ±0.1"}, SPENT),
    ]
    assert tables_by_metrics(rows) == [
        [
            ["task", "auc", "gauc", "rows", "positives", "groups"],
            ["click", "0.7 ±0.1", "0.6 ±0.1", "2,000", "100", "1,234"],
        ],
        [["task", "r2", "rows"], ["spent", "0.5 ±0.1", "2,000"]],
    ]


def report(num_features: int) -> Any:
    """Returns the report of a data set of numbers."""
    feature = {"kind": "dense", "distinct": 9, "missing": {}, "unseen": {}, "auc": {}}
    names = [f"feature_{i}" for i in range(num_features)]
    return {
        "splits": {"train": 10},
        "tasks": {},
        "features": dict.fromkeys(names, feature),
    }


@pytest.mark.parametrize(("features", "shown"), [(50, 50), (51, 50), (3000, 50)])
def test_many_features_fill_one_screen(
    features: int, shown: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    console = Console(tmp_path / "train.log")
    console.print_data_report(report(features), [])
    console.close()
    out = capsys.readouterr().out
    assert out.count("feature_") == shown
    more = f"... and {features - shown:,} more features, in data_report.json of the run"
    assert (more in out) == (features > shown)


def test_small_metric_below_zero_has_no_sign() -> None:
    assert [format_metric(x) for x in (-0.00004, -0.00006)] == ["0.0000", "-0.0001"]
