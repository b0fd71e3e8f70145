"""The cells of the terminal's table."""

from types import SimpleNamespace
from typing import Any

import pytest

from mtl_cli.comparison.configurations import Configuration
from mtl_cli.comparison.difference import Difference, Verdict
from mtl_cli.comparison.intervals import Interval
from mtl_cli.comparison.page import verdict_class
from mtl_cli.comparison.results import DatasetComparison
from mtl_cli.comparison.table import task_cells
from mtl_cli.comparison.task import Score, Task


@pytest.mark.parametrize(
    ("verdict", "real", "cell"),
    [(Verdict.WORSE, True, "-0.020 worse"), (Verdict.NOT_REAL, False, "-0.020")],
)
def test_difference_to_the_twin_has_its_verdict_only_if_it_is_real(
    verdict: Verdict, real: bool, cell: str
) -> None:
    task: Any = SimpleNamespace(decimals=3, shown_twins=["single_task"])
    to_twin = SimpleNamespace(
        interval=Interval(-0.02, 0.01, 3), verdict=verdict, is_real=real, limits=""
    )
    score: Any = SimpleNamespace(
        interval=Interval(0.8, 0.01, 3), differences={"single_task": to_twin}
    )
    assert task_cells(task, score)[2:] == ["baseline", cell]


@pytest.mark.parametrize(
    ("mean", "half_width", "cell"),
    [
        (0.92635, 0.00053, "0.92635 ±0.00053"),
        (0.92635, 1.2e-8, "0.926350000 ±0.000000012"),  # was ±0.000000
        (4.2e-7, 1.2e-8, "0.000000420 ±0.000000012"),  # was 0.000000 ±0.000000
        (0.92635, 1e-17, "0.926350000 ±0.000000000"),
        (12345.678, 53.0, "12,346 ±53"),
        (0.92635, None, "0.9264"),
        (0.0012345, None, "0.0012"),
        (4.2e-7, None, "0.000000420"),
        (0.0, None, "0.0000"),
    ],
)
def test_score_is_shown_to_the_second_digit_of_its_interval(
    mean: float, half_width: float | None, cell: str
) -> None:
    score = Score(Configuration({}, []), {}, Interval(mean, half_width, 3))
    task = Task("spent", "mse", -1, [score])
    assert task_cells(task, score)[0] == cell


def test_heading_of_a_single_configuration_is_in_the_singular() -> None:
    only = Configuration({"model.name": "ple"}, [])
    one = DatasetComparison("shop", [only], [], only, "as asked", "test", [])
    two = DatasetComparison("shop", [only, only], [], only, "as asked", "test", [])
    assert one.heading == "1 configuration on shop"
    assert two.heading == "2 configurations on shop"


def test_too_few_days_are_as_uncertain_on_the_page_as_too_few_seeds() -> None:
    line = Configuration({"model.name": "ple"}, [])
    gain = Interval(0.1, None, 1)
    for days, verdict in ((1, Verdict.TOO_FEW_DAYS), (0, Verdict.TOO_FEW_SEEDS)):
        difference = Difference(line, line, 1, day_count=days, paired_difference=gain)
        assert difference.verdict == verdict
        assert verdict_class(difference) == "uncertain"
