"""Tables of scores name what counted, and a data report fills one screen at most."""

from pathlib import Path
from typing import Any

import pytest

from mtl_cli.runs.console import Console
from mtl_cli.runs.text_tables import format_metric, score_tables, text_with_interval

CLICK = {"auc": 0.7, "gauc": 0.6, "rows": 2000, "positives": 100, "groups": 1234}
SPENT = {"r2": 0.5, "rows": 2000}


def test_outputs_with_the_same_metrics_share_a_table() -> None:
    buy = {"auc": None, "gauc": None, "rows": 30, "positives": 0, "groups": 0}
    buy |= {"space": "click = 1", "why": {"auc": "", "gauc": ""}}
    assert score_tables({"click": CLICK, "spent": SPENT, "buy": buy}) == [
        [
            ["task", "auc", "gauc", "rows", "positives", "groups"],
            ["click", "0.7000", "0.6000", "2,000", "100", "1,234"],
            ["buy (click = 1)", "-", "-", "30", "0", "0"],
        ],
        [["task", "r2", "rows"], ["spent", "0.5000", "2,000"]],
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


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (0.0, "0.0000"),
        (-0.0, "0.0000"),
        (4.2e-5, "4.20e-05"),  # was 0.0000
        (-0.00042, "-0.000420"),
        (0.001, "0.0010"),
        (999.99996, "1000.0000"),
        (12345.678, "12,345.7"),
    ],
)
def test_small_metric_keeps_three_digits(value: float | None, text: str) -> None:
    assert format_metric(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.03, "0.0300 ±0.0100"),
        (0.0309, "0.0309 ±0.0100"),  # the bootstrap's bias is known to 0.04 half widths
        (0.0345, "0.0345 (0.0200 to 0.0400)"),
        (0.05, "0.0500 (0.0200 to 0.0400)"),
    ],
)
def test_interval_that_does_not_lie_around_its_metric_is_shown_by_its_ends(
    value: float, text: str
) -> None:
    metric = {"value": value, "low": 0.02, "high": 0.04}
    assert text_with_interval(metric) == text


@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        ((0.9, 0.8997, 0.9003), "0.9000 ±0.0003"),
        ((-0.00001, -0.1, 0.1), "0.0000 ±0.1000"),
        ((1234.5, 1230.5, 1238.5), "1,234.5 ±4.0"),
        ((4.2e-5, 4.1e-5, 4.3e-5), "4.20e-05 ±1.00e-06"),
        ((4.2e-5, 1e-6, 4.3e-5), "4.20e-05 (1.00e-06 to 4.30e-05)"),
    ],
)
def test_largest_number_decides_about_the_digits_of_an_interval(
    numbers: tuple[float, ...], text: str
) -> None:
    metric = dict(zip(("value", "low", "high"), numbers, strict=True))
    assert text_with_interval(metric) == text
