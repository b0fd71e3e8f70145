"""The keys of `trainer`: what `auto` chooses."""

import pytest
from helpers.networks import config

from mtl_cli.config.monitor import monitored_metrics
from mtl_cli.config.trainer import Length, Trainer
from mtl_cli.heads.base import Output
from mtl_cli.tasks.binary import Binary
from mtl_cli.tasks.regression import Regression

KEYS = {
    "epochs": "auto",
    "batch_size": "auto",
    "patience": "auto",
    "monitor": "auto",
    "ema_decay": 0.7,
    "initial_bias": "labels",
    "calibration": "auto",
    "compile": "auto",
    "precision": "float32",
    "deterministic": True,
    "strategy": None,
    "profile": False,
    "checkpoint_minutes": None,
}
TRAINER = Trainer(**KEYS)
OUTPUTS = [
    Output("click", "click", Binary(label="click")),
    Output("amount", "amount", Regression(label="amount")),
    Output("late", "late", Binary(label="late", metrics=["auc", "log_loss"])),
    Output("extra", "click", Binary(label="click"), added_by_heads=True),
]


@pytest.mark.parametrize(
    ("rows", "length"),
    [
        (1, Length(32, 3600, 180)),
        (300, Length(32, 360, 18)),  # 10 steps an epoch
        (3_521, Length(64, 63, 3)),  # 56 steps
        (13_000, Length(256, 69, 3)),  # 51 steps
        (29_305, Length(512, 60, 3)),  # 58 steps
        (10**6, Length(512, 60, 3)),
    ],
)
def test_auto_gives_small_tables_small_batches_and_more_epochs(rows, length):
    assert TRAINER.length(rows, is_rate_constant=True) == length


@pytest.mark.parametrize(
    "settings",
    [
        ["optimizer.schedule=cosine"],
        ["optimizer.schedule=linear"],
        ["trainer.patience=null"],
    ],
)
def test_auto_allows_the_usual_epochs_if_all_of_them_are_trained(settings):
    chosen = config("trainer.epochs=auto", *settings)
    assert chosen.training_length(29_305).epochs == 20
    assert config("trainer.epochs=auto").training_length(29_305).epochs == 60
    assert config("trainer.epochs=4").training_length(29_305).epochs == 4


def test_numbers_take_precedence_over_auto():
    keys = KEYS | {"epochs": 7, "batch_size": 100, "patience": None}
    assert Trainer(**keys).length(10_000, True) == Length(100, 7, None)


def test_auto_watches_a_proper_metric_of_each_task_and_respects_its_list():
    found = [(o.name, metric) for o, metric in monitored_metrics("auto", OUTPUTS)]
    assert found == [("click", "ne"), ("amount", "r2"), ("late", "auc")]
    means = [metric for _, metric in monitored_metrics("mean", OUTPUTS)]
    assert means == ["auc", "r2", "auc"]
    (late,) = monitored_metrics("late.log_loss", OUTPUTS)
    assert (late[0].name, late[1]) == ("late", "log_loss")
