"""Tables of scores name what counted: rows, positives, groups."""

from helpers.planted_data import declared, outputs

from mtl_cli.runs.score_table import score_tables, tables_by_metrics

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
