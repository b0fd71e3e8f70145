"""The scores and plots of predictions that are not finite numbers."""

import numpy as np
import pytest

from mtl_cli.heads.base import Output
from mtl_cli.scoring.scored_rows import ScoredRows
from mtl_cli.scoring.scores import score
from mtl_cli.tasks.base import task_class


def test_truth_rmse_of_a_prediction_that_is_no_number_is_undefined() -> None:
    task = task_class("binary")(label="click")
    label, prediction = np.array([0.0, 1, 1]), np.array([0.2, 0.9, np.nan])
    weight = np.array([1.0, 1, 0])  # the metrics but `truth_rmse` skip the last row
    scores = score(task, label, prediction, weight, truth=np.full(3, 0.5))
    assert scores["auc"] == 1 and scores["truth_rmse"] is None
    assert scores["why"] == {"truth_rmse": "1 of 3 predictions are not finite numbers"}


def test_predictions_that_are_no_numbers_are_counted_over_all_classes() -> None:
    task = task_class("multiclass")(label="color", classes=["red", "blue"])
    prediction = np.array([[0.5, 0.5], [np.inf, np.nan], [0.1, 0.9]])
    scores = score(task, np.array([0.0, 1, 1]), prediction, np.ones(3))
    assert scores["why"]["accuracy"] == "2 of 6 predictions are not finite numbers"


@pytest.mark.parametrize("kind", ["binary", "regression", "wlr"])
def test_predictions_that_are_no_numbers_have_no_plots(kind: str) -> None:
    """A histogram over a range that ends at NaN would end a run with an error."""
    output = Output("y", "y", task_class(kind)(label="y"))
    label, prediction = np.array([0.0, 1, 1]), np.array([0.2, 0.9, np.nan])
    rows = ScoredRows(output, label, prediction, np.ones(3), None, np.arange(3))
    assert rows.plots() == []
    assert rows.take(np.array([True, True, False])).plots()
