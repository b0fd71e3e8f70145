"""What an evaluation says in words."""

from typing import Any

import pytest

from mtl_cli.evaluation.evaluation import Evaluation
from mtl_cli.evaluation.screen import show_evaluation
from mtl_cli.evaluation.sections import drift_text, importance_section, weakest_text


def slice_of(name: str, p: float | None, surely_weaker: bool = False) -> dict[str, Any]:
    record = {"task": "click", "metric": "auc", "column": "city", "slice": name}
    record |= {"value": 0.6, "low": 0.5, "high": 0.7, "rest": 0.8, "p_corrected": p}
    return record | {"surely_weaker": surely_weaker}


def evaluation(weakest: dict[str, Any] | None, *others: dict[str, Any]) -> Evaluation:
    records = [*([weakest] if weakest else []), *others]
    other_task = slice_of("Rome", 0.5) | {"task": "buy"}
    tasks = {"click": {"weakest_slice": weakest, "metrics": {}}}
    return Evaluation("RUN", "t.csv", 1234, tasks, [*records, other_task])


@pytest.mark.parametrize(
    ("surely_weaker", "start"),
    [(True, "weakest slice: auc"), (False, "no slice is surely weaker than the rest")],
)
def test_weakest_slice_is_told_with_the_number_of_tested_slices(
    surely_weaker: bool, start: str
) -> None:
    weakest = slice_of("Oslo", 0.02, surely_weaker)
    others = slice_of("Bonn", 0.3), slice_of("Lyon", 0.9), slice_of("tiny", None)
    text = weakest_text(evaluation(weakest, *others), "click")
    assert text.startswith(start)
    assert "where city is Oslo, 0.8000 on the other rows" in text
    assert text.endswith("corrected for 3 slices)")


def test_single_tested_slice_is_not_called_the_lowest() -> None:
    text = weakest_text(
        evaluation(slice_of("Oslo", 0.9), slice_of("tiny", None)), "click"
    )
    assert "rest; the only one tested has auc" in text
    assert text.endswith("corrected for 1 slice)")


def test_no_tested_slice_is_said() -> None:
    text = weakest_text(evaluation(None, slice_of("tiny", None)), "click")
    assert text == "no slice has enough rows of each class for a test"


def test_no_drift_is_said_with_the_largest_psi() -> None:
    text = drift_text([{"name": "age", "psi": 0.02}, {"name": "x", "psi": 0.01}], [])
    assert text.startswith("no feature has a PSI of 0.1 or more, or 5% more empty")
    assert text.endswith("the largest PSI is 0.020, of age")


def test_table_of_importance_has_a_row_per_feature_the_most_important_first() -> None:
    record = {"task": "click", "group": None, "low": 0.1, "high": 0.3}
    found = Evaluation("RUN", "t.csv", 9, {"click": {"main_metric": "log_loss"}})
    found.importances.update(
        features=[
            record | {"features": "city", "importance": 0.1},
            record | {"features": "age", "importance": 0.15, "group": "age + born"},
            record | {"features": "age + born", "importance": 0.2},
        ],
        **{"rows": 1234, "repeats": 3, "groups": [], "only_one_task": {}},
        without_effect=["price"],
    )
    section = importance_section(found)
    header, *rows = section.tables[0]
    assert header == ["feature", "click log loss"]
    assert rows == [
        ["age + born", "0.2000 ±0.1000 *"],
        ["  age alone", "0.1500 ±0.1000 *"],
        ["city", "0.1000 ±0.1000 *"],
    ]
    assert "mean of 3 shufflings of 1,234 rows" in section.lines[0]
    assert section.lines[1:] == ["not shown to matter to any task: price"]


def test_screen_begins_with_the_run_the_table_and_its_rows(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show_evaluation(Evaluation("RUN", "t.csv", 1234, {}))
    assert capsys.readouterr().out.startswith("RUN on t.csv: 1,234 rows\n")
