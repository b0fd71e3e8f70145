"""Heads check tasks and labels, add outputs, and own their keys."""

import re
from dataclasses import replace

import numpy as np
import pytest
from helpers import networks

from mtl_cli.core.errors import ConfigError
from mtl_cli.core.option_keys import build_option
from mtl_cli.core.prediction_names import label_of_output
from mtl_cli.heads.base import Heads
from mtl_cli.heads.esmm import ESMM
from mtl_cli.heads.independent import Independent
from mtl_cli.tasks.binary import Binary
from mtl_cli.tasks.regression import Regression

TASKS = {name: Binary(label=name) for name in ("click", "buy", "like")}
MISSING = np.nan


def rows(**labels):
    """The labels of some rows, {task: its labels}."""
    return {name: np.array(y, "float32") for name, y in labels.items()}


def test_broken_funnel_is_counted_among_the_labels_that_are_there():
    broken = rows(click=[1, 0, 0, MISSING], buy=[1, 1, MISSING, MISSING])
    heads = ESMM(click_task="click", conversion_task="buy")
    (warning,) = heads.label_warnings(TASKS, broken)
    assert "1 of 2 training rows with buy = 1 have click = 0" in warning
    whole = rows(click=[1, 0, MISSING], buy=[1, MISSING, 1])
    assert heads.label_warnings(TASKS, whole) == []
    assert Independent().label_warnings(TASKS, broken) == []


def funnel_rows(num_days=30):
    """10,000 impressions: their days, and the labels of clicks and purchases."""
    random = np.random.default_rng(0)
    days = random.integers(0, num_days, 10_000)
    click = (random.random(len(days)) < 0.2).astype("float32")
    buy = click * (random.random(len(days)) < 0.3)
    return days, click, buy.astype("float32")


def test_labels_that_are_missing_on_clicked_rows_only_are_named():
    heads = ESMM(click_task="click", conversion_task="buy")
    days, click, buy = funnel_rows()
    late = np.where((days >= 20) & (click == 1), MISSING, buy)
    (warning,) = heads.label_warnings(TASKS, {"click": click, "buy": late})
    num_missing, num_clicks = int(np.isnan(late).sum()), int(click.sum())
    assert warning == (
        f"labels of buy are missing on {num_missing:,} of {num_clicks:,} training rows "
        f"with click = 1, but on 0 of {10_000 - num_clicks:,} with click = 0, so buy "
        "is predicted too low; if labels come late, empty buy on all rows of these days"
    )
    no_clicks = np.where(click == 1, buy, MISSING)
    (warning,) = heads.label_warnings(TASKS, {"click": click, "buy": no_clicks})
    assert warning.endswith("buy is predicted too high; write buy = 0 where click = 0")
    # Some labels are missing elsewhere as well.
    is_lost = np.random.default_rng(1).random(len(days)) < 0.01
    labels = {"click": click, "buy": np.where(is_lost, MISSING, late)}
    (warning,) = heads.label_warnings(TASKS, labels)
    assert "so buy is predicted too low" in warning


def test_labels_that_are_missing_evenly_pass():
    heads = ESMM(click_task="click", conversion_task="buy")
    days, click, buy = funnel_rows()
    random = np.random.default_rng(1)
    # Clicks are 20 % more frequent on the last days, whose labels are all missing.
    drift = np.where((days >= 20) & (random.random(len(days)) < 0.05), 1, click)
    for clicks, is_missing in (
        (click, days >= 20),
        (drift, days >= 20),
        (click, random.random(len(days)) < 0.3),
        (click, np.full(len(days), True)),
        (np.zeros_like(click), days >= 20),
    ):
        labels = {"click": clicks, "buy": np.where(is_missing, MISSING, buy * clicks)}
        assert heads.label_warnings(TASKS, labels) == []


def test_esmm_says_which_tasks_it_takes_if_there_are_more_than_two():
    whole = rows(click=[1, 0], buy=[1, 0], like=[1, 0])
    for heads in (ESMM(), ESMM(click_task="click"), ESMM(conversion_task="buy")):
        (warning,) = heads.label_warnings(TASKS, whole)
        assert warning.startswith(
            "esmm takes click for the click and buy for the conversion, of the tasks "
            "click, buy, like; to choose others, set model.click_task"
        )
    two = {"click": TASKS["click"], "buy": TASKS["buy"]}
    two["seconds"] = Regression(label="seconds")
    assert ESMM().label_warnings(two, whole) == []


def test_esmm_adds_pcvr_scored_on_clicked_rows():
    heads = ESMM(click_task="like", conversion_task="buy")
    *of_tasks, pcvr = heads.outputs(TASKS)
    click, buy, like = Independent().outputs(TASKS)
    # Clicks are sampled, so pCTCVR counts rows as pCTR does.
    assert of_tasks == [click, replace(buy, sampled_task="like"), like]
    assert (pcvr.name, pcvr.label, pcvr.space) == ("buy_given_like", "buy", "like")
    assert pcvr.added_by_heads and not any(o.added_by_heads for o in of_tasks)
    assert pcvr.truth_tasks == ("buy", "like")
    assert [label_of_output(o.name) for o in (*of_tasks, pcvr)] == [*TASKS, "buy"]
    assert pcvr.title == "buy_given_like (like = 1)"


def test_esmm_takes_the_first_two_tasks_unless_told_others():
    assert ESMM().steps(TASKS) == ["click", "buy"]
    assert ESMM(conversion_task="like").steps(TASKS) == ["click", "like"]
    ESMM().check({name: TASKS[name] for name in ("click", "buy")})


@pytest.mark.parametrize(
    ("heads", "tasks", "message"),
    [
        ({}, {"click": TASKS["click"]}, "model.heads=esmm needs two tasks"),
        ({"click_task": "clik"}, TASKS, "model.click_task: no task 'clik' in this run"),
        (
            {"conversion_task": "click"},
            TASKS,
            "model.conversion_task: the steps click, click name a task twice;",
        ),
        (
            {},
            TASKS | {"buy": Regression(label="buy")},
            "model.conversion_task: task buy is of kind regression; esmm needs",
        ),
        (
            {},
            TASKS | {"buy": Binary(label="buy", space="click")},
            "dataset.tasks.buy.space: esmm trains on all impressions; set "
            "dataset.tasks.buy.space=null",
        ),
    ],
)
def test_esmm_refuses_tasks_that_are_no_funnel(heads, tasks, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        ESMM(**heads).check(tasks)


def heads_named(name, **keys):
    return build_option("heads", name, Heads, keys, "model.heads")


def test_heads_that_leave_out_an_output_are_named(monkeypatch):
    def first_only(self, logits, tasks):
        return dict([next(iter(logits.items()))])

    monkeypatch.setattr(Independent, "connect", first_only)
    message = r"heads=independent: `connect` for never_married returns NoneType, not a"
    with pytest.raises(ConfigError, match=message):
        networks.network()


def test_keys_of_other_heads_may_stand_at_null_only():
    assert heads_named("independent", click_task=None) == Independent()
    message = r"click_task: only model\.heads=escm2 or esmm uses it"
    with pytest.raises(ValueError, match=message):
        heads_named("independent", click_task="click")
    with pytest.raises(ValueError, match="extra_forbidden"):
        heads_named("esmm", clik_task="click")
