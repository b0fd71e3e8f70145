"""The rows of `history.csv`, and the plots that are made from them."""

from typing import Any

from helpers.epochs import epoch

from mtl_cli.runs.plots import importance_charts, learning_curves
from mtl_cli.runs.trained_run import epoch_row
from mtl_cli.scoring.importance_records import ImportanceRecord


def row_of(number: int, task_weights: dict[str, float]) -> dict[str, Any]:
    losses = {"click": 0.5 / number, "buy": 0.2}
    return epoch_row(epoch(number, losses=losses, task_weights=task_weights))


def test_row_holds_the_weights_of_tasks_that_a_method_changes() -> None:
    row = row_of(1, {"click": 0.75, "buy": 1.25})
    assert (row["weight.click"], row["weight.buy"]) == (0.75, 1.25)
    assert not any(name.startswith("weight.") for name in row_of(1, {}))


def test_weights_of_tasks_have_a_plot_of_their_own() -> None:
    weights = [{"click": 1.0, "buy": 1.0}, {"click": 0.5, "buy": 1.5}]
    rows = [row_of(i + 1, w) for i, w in enumerate(weights)]
    losses, plot = learning_curves(rows, kept_epoch=2)
    assert [line.label for line in plot.lines] == ["click", "buy"]
    assert [list(line.y) for line in plot.lines] == [[1.0, 0.5], [1.0, 1.5]]
    assert [line.label for line in losses.lines] == ["click", "buy"]
    fixed = [row_of(i, {}) for i in (1, 2)]
    assert [p.title for p in learning_curves(fixed, 2)] == ["training loss"]


def importance(
    features: str, task: str, value: float, group: str | None = None
) -> ImportanceRecord:
    return {
        "features": features,
        "group": group,
        "task": task,
        "importance": value,
        "low": value - 0.01,
        "high": value + 0.01,
        "p": 0.5,
        "p_corrected": 1.0,
        "drops": [value],
    }


def test_chart_has_the_most_important_features_without_members_of_a_group() -> None:
    records = [
        importance("age", "click", 0.1),
        importance("city", "click", 0.3),
        importance("hour", "click", 0.2),
        importance("day", "click", 0.9, group="hour, day"),
        importance("city", "buy", 0.8),
    ]
    titles = {"click": "click auc", "buy": "buy auc", "like": "like auc"}
    charts = importance_charts(records, titles, maximum=2)
    assert [chart.label.partition(":")[0] for chart in charts] == [
        "click auc",
        "buy auc",
    ]
    features = {record["features"] for record in records}
    bars = [[m.text for m in chart.marks if m.text in features] for chart in charts]
    assert bars == [["city", "hour"], ["city"]]
