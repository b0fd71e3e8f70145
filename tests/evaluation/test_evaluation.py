"""The tables of an evaluation, as the library gives them."""

from typing import Any

from mtl_cli.evaluation.evaluation import Evaluation
from mtl_cli.evaluation.task_results import truth_rmse_with_interval


def test_table_of_importance_has_its_figures_without_those_of_single_shufflings() -> (
    None
):
    record = {"features": "city", "group": None, "task": "click", "importance": 0.2}
    record |= {
        "low": 0.1,
        "high": 0.3,
        "p": 0.01,
        "p_corrected": 0.02,
        "drops": [0.2, 0.2],
    }
    evaluation = Evaluation("RUN", "table", 9, {}, importances={"features": [record]})
    (row,) = evaluation.importance.to_dict("records")
    assert row == {k: v for k, v in record.items() if k != "drops"}


def test_undefined_truth_rmse_has_no_interval() -> None:
    rows: Any = None  # the rows are not needed
    result = truth_rmse_with_interval(rows, "click", None)
    assert result["value"] is result["low"] is result["high"] is None
