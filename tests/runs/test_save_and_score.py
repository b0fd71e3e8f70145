"""A run says what is to be known about the outcome of its training."""

from types import SimpleNamespace
from typing import Any

import pytest
from helpers import networks
from helpers.epochs import epoch

from mtl_cli.metrics.score_dict import Scores
from mtl_cli.runs.save_and_score import (
    calibrate_predictions,
    last_epoch_finding,
    useless_tasks_finding,
)
from mtl_cli.training.progress import History


def history(*values: dict[str, float | None], kept: int) -> History:
    """Returns a history with the normalised entropy of each task after each epoch."""
    epochs = [
        epoch(i, valid={task: COUNTS | {"ne": ne} for task, ne in scores.items()})
        for i, scores in enumerate(values, 1)
    ]
    return History(epochs, kept)


COUNTS = {"rows": 1000, "positives": 50}
INCOME_PEAKS_FIRST = [
    {"income": 0.50, "never_married": 0.40},
    {"income": 0.52, "never_married": 0.35},
    {"income": 0.53, "never_married": 0.36},
]


def test_last_epoch_that_is_the_best_asks_for_more_epochs() -> None:
    config = networks.config("trainer.epochs=3", "trainer.patience=5")
    (line,) = last_epoch_finding(config, history(*INCOME_PEAKS_FIRST, kept=3), 1000)
    assert line.endswith("more epochs may give a better model: trainer.epochs=6")
    earlier = history(*INCOME_PEAKS_FIRST, kept=2)
    assert last_epoch_finding(config, earlier, 1000) == []
    falling = networks.config("trainer.epochs=3", "optimizer.schedule=cosine")
    last = history(*INCOME_PEAKS_FIRST, kept=3)
    assert last_epoch_finding(falling, last, 1000) == []


@pytest.mark.parametrize("override", ["trainer.epochs=1", "trainer.patience=null"])
def test_single_epoch_or_a_fixed_number_asks_for_no_more(override: str) -> None:
    config = networks.config("trainer.epochs=3", "trainer.patience=5", override)
    for kept in (1, 3):
        finished = history(*INCOME_PEAKS_FIRST, kept=kept)
        assert last_epoch_finding(config, finished, 1000) == []


def test_tasks_that_are_no_better_than_a_constant_after_the_kept_epoch_are_named() -> (
    None
):
    added = "+dataset.tasks.rating={label: rating, kind: regression, transform: none}"
    outputs = networks.config(added).outputs
    scores: Scores = {"income": {"ne": 1.0}, "never_married": {"ne": None}}
    scores |= {"rating": {"r2": -0.1}}
    (line,) = useless_tasks_finding(outputs, scores)
    assert line.endswith(": income (ne 1.0000), rating (r2 -0.1000)")
    other_losses = networks.config(
        added, "dataset.tasks.income.loss=focal", "+dataset.tasks.rating.loss=mae"
    )
    assert useless_tasks_finding(other_losses.outputs, scores) == []
    scores = {"income": {"ne": 0.99}, "rating": {"r2": 0.01}}
    assert useless_tasks_finding(outputs, scores) == []
    assert useless_tasks_finding(outputs, {}) == []


def test_run_without_calibration_writes_and_prints_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mtl_cli.training.calibration.calibrate", lambda *_: {})
    calls: list[str] = []
    run: Any = SimpleNamespace(
        config=None,
        network=None,
        data=SimpleNamespace(splits={}),
        folder=SimpleNamespace(write_json=lambda name, _: calls.append(name)),
    )
    console: Any = SimpleNamespace(print_line=calls.append)
    calibrate_predictions(run, console)
    assert calls == []
