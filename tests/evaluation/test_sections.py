"""What an evaluation says in words."""

from typing import Any

import pytest

from mtl_cli.evaluation.evaluation import Evaluation
from mtl_cli.evaluation.page import page
from mtl_cli.evaluation.screen import show_evaluation
from mtl_cli.evaluation.sections import drift_text, importance_section, weakest_text
from mtl_cli.evaluation.slice_sections import slice_sections


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


def test_single_tested_slice_is_counted() -> None:
    text = weakest_text(
        evaluation(slice_of("Oslo", 0.9), slice_of("tiny", None)), "click"
    )
    assert "rest; the weakest tested slice: auc" in text
    assert text.endswith("corrected for 1 slice)")


def test_no_tested_slice_is_said_with_what_a_slice_needs() -> None:
    text = weakest_text(evaluation(None, slice_of("tiny", None)), "click")
    assert text.startswith("no slice is tested: each has fewer than 20 rows of a class")


TASKS = [f"task_{i}" for i in range(6)]


def with_slices(num_slices: int) -> Evaluation:
    """An evaluation by two columns, in which the last slices are the weakest.

    The slice `tiny` is not tested; the slice `s1` of `city` is surely weaker.
    """
    result = {"value": 0.9, "low": 0.85, "high": 0.95}
    tasks = {
        task: {"main_metric": "auc", "metrics": {"auc": result}, "weakest_slice": None}
        | {"calibration": None}
        for task in TASKS
    }
    counts = {"ratio": 1.0, "rows": 1234, "positives": 56}
    records = [
        slice_of(f"s{i}" if i else "tiny", 0.5 if i else None, i == 1 and c == "city")
        | {"task": task, "column": c, "rank": num_slices - i if i else None}
        | {"value": 0.8 - i / 100, "low": 0.7 - i / 100, "high": 0.9 - i / 100}
        | counts
        for task in TASKS
        for c in ("city", "a column")
        for i in range(num_slices)
    ]
    return Evaluation("RUN", "t.csv", 1234, tasks, records)


def test_tables_of_all_slices_leave_out_the_ratio_of_tasks_that_have_none() -> None:
    found = with_slices(2)
    for record in found.slice_records:
        if record["task"] == TASKS[1]:
            record["ratio"] = None
    header, row, *_ = slice_sections(found)[0].tables[0]
    assert [name for name in header if name == "predicted/actual"] == header[2:3]
    assert len(header) == len(row) == 1 + 4 + 3


@pytest.mark.parametrize("shorten", [False, True])
def test_column_of_rare_values_alone_says_so(
    shorten: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mtl_cli.evaluation.slice_sections.MAX_SLICE_ROWS", 1)
    found = with_slices(1)
    for record in found.slice_records:
        if record["column"] == "city":
            record["slice"] = "(other)"
    by_city, by_other = slice_sections(found, shorten)
    assert by_city.lines[-1] == "no value of city has 100 rows; all are in (other)"
    assert bool(by_city.tables) != shorten
    assert "no value of" not in " ".join(by_other.lines)


def test_sections_are_short_only_on_a_terminal_and_above_40_lines(
    capsys: pytest.CaptureFixture[str],
) -> None:
    few, many = with_slices(5), with_slices(20)  # 36 and 126 lines
    assert slice_sections(few, shorten=True) == slice_sections(few)
    assert len(slice_sections(many)[0].tables[0]) == 21
    show_evaluation(many)
    out = capsys.readouterr().out
    assert "many slices: --json FILE and --html FILE write" in out and "s16" not in out
    assert len(out.splitlines()) < 50
    assert page(many).count("s16") > 12


def test_no_drift_is_said_with_the_largest_psi() -> None:
    text = drift_text([{"name": "age", "psi": 0.02}, {"name": "x", "psi": 0.01}], [])
    assert text.startswith(
        "no feature has a PSI of 0.1 or more, or 5 percentage points"
    )
    assert text.endswith("the largest PSI is 0.020, of age")


def test_table_of_importance_has_a_row_per_feature_the_most_important_first() -> None:
    record = {"task": "click", "group": None, "low": 0.1, "high": 0.3}
    record |= {"p": 0.05, "p_corrected": 0.04}
    found = Evaluation("RUN", "t.csv", 9, {"click": {"main_metric": "log_loss"}})
    found.importances.update(
        features=[
            record | {"features": "city", "importance": 0.1, "p_corrected": 0.06},
            record | {"features": "age", "importance": 0.15, "group": "age + born"},
            record | {"features": "age + born", "importance": 0.2},
        ],
        **{"rows": 1234, "repeats": 3, "groups": [], "only_one_task": {}},
        scored_rows={"click": 1234, "buy": 60},
        without_effect=["price"],
    )
    section = importance_section(found)
    header, *rows = section.tables[0]
    assert header == ["feature", "click log loss"]
    assert rows == [
        ["age + born", "0.2000 ±0.1000 *"],
        ["  age alone", "0.1500 ±0.1000 *"],
        ["city", "0.1000 ±0.1000  "],
    ]
    assert "mean of 3 shufflings of 1,234 rows" in section.lines[0]
    assert section.lines[2:] == ["not shown to matter to any task: price"]


def test_importance_stands_under_its_task_if_other_tasks_have_none() -> None:
    record = {"group": None, "low": 0.1, "high": 0.3, "p": 0.5, "p_corrected": 0.5}
    names = {"main_metric": "auc"}
    found = Evaluation("RUN", "t.csv", 9, {"click": names, "buy": names})
    found.importances.update(
        features=[
            record | {"features": "age", "task": "buy", "importance": 0.2},
            record | {"features": "city", "task": "click", "importance": 0.1},
            record | {"features": "city", "task": "buy", "importance": 0.05},
            # The metrics were undefined when the whole group was shuffled.
            record
            | {"features": "x", "task": "buy", "importance": 0.0, "group": "x + y"},
        ],
        **{"rows": 1234, "repeats": 3, "groups": [], "only_one_task": {}},
        scored_rows={},
        without_effect=[],
    )
    assert importance_section(found).tables[0] == [
        ["feature", "click auc", "buy auc"],
        ["age", "-", "0.2000 ±0.1000  "],
        ["city", "0.1000 ±0.1000  ", "0.0500 ±0.1000  "],
        ["  x alone", "-", "0.0000 ±0.1000  "],
    ]


def test_slices_by_a_feature_have_a_note() -> None:
    for num_slices in (3, 20):  # all slices, and only the weakest of them
        of_slices = with_slices(num_slices)
        of_slices.drift_records.append({"kind": "feature", "name": "city"})
        by_city, by_other = slice_sections(of_slices, shorten=True)
        assert by_city.lines[-1].startswith("city is a feature: within a slice")
        assert not any("is a feature" in line for line in by_other.lines)


def test_screen_begins_with_the_run_the_table_and_its_rows(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show_evaluation(Evaluation("RUN", "t.csv", 1234, {}))
    assert capsys.readouterr().out.startswith("RUN on t.csv: 1,234 rows\n")
