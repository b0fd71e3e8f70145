"""A run says what is to be known about the epoch that it keeps."""

import pytest
from helpers import networks
from helpers.epochs import epoch

from mtl_cli.metrics.score_dict import Scores
from mtl_cli.runs.history_findings import (
    better_epoch_findings,
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


def test_task_that_was_better_after_another_epoch_is_named() -> None:
    found = better_epoch_findings(
        networks.config(), history(*INCOME_PEAKS_FIRST, kept=2)
    )
    assert found == [
        "income was better after epoch 1: ne of validation rows is 0.5000 there, and "
        "0.5200 after the kept epoch 2; trainer.monitor=income.ne keeps the best epoch "
        "of income"
    ]


def test_task_with_few_validation_rows_of_a_label_is_not_named() -> None:
    found = history(*INCOME_PEAKS_FIRST, kept=2)
    for positives in (49, 951):
        found.epochs[1].valid["income"]["positives"] = positives
        assert better_epoch_findings(networks.config(), found) == []


def test_small_differences_are_not_named() -> None:
    values = [{"income": 0.50, "never_married": 0.36}]
    values += [{"income": 0.5049, "never_married": 0.35}]
    assert better_epoch_findings(networks.config(), history(*values, kept=2)) == []
    values[1]["income"] = 0.506
    assert len(better_epoch_findings(networks.config(), history(*values, kept=2))) == 1


def test_epochs_with_an_undefined_value_or_without_one_are_left_out() -> None:
    undefined: dict[str, float | None] = {"income": None, "never_married": 0.352}
    values = [undefined, {}, *INCOME_PEAKS_FIRST]
    (line,) = better_epoch_findings(networks.config(), history(*values, kept=4))
    assert line.startswith("income was better after epoch 3: ")
    assert better_epoch_findings(networks.config(), history(*values, kept=1)) == []
    assert better_epoch_findings(networks.config(), History()) == []


@pytest.mark.parametrize(
    "override", ["trainer.monitor=mean", "trainer.patience=null", "tasks=[income]"]
)
def test_nothing_is_named_if_the_user_has_chosen_the_epoch(override: str) -> None:
    config = networks.config(override)
    assert better_epoch_findings(config, history(*INCOME_PEAKS_FIRST, kept=2)) == []


def test_higher_is_better_for_r2() -> None:
    added = "+dataset.tasks.rating={label: rating, kind: regression, transform: none}"
    config = networks.config(added, "tasks=[income,rating]")
    scores = [
        {"income": COUNTS | {"ne": 0.5}, "rating": COUNTS | {"r2": r2}}
        for r2 in (0.3, 0.2, 0.1)
    ]
    epochs = [epoch(i, valid=s) for i, s in enumerate(scores, 1)]
    (line,) = better_epoch_findings(config, History(epochs, 2))
    assert "rating was better after epoch 1: r2 of validation rows is 0.3000" in line


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
