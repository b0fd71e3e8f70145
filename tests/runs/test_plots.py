"""The rows of `history.csv`, and the plots that are made from them."""

from typing import Any

from helpers.epochs import epoch

from mtl_cli.runs.plots import learning_curves
from mtl_cli.runs.trained_run import epoch_row


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
