"""The settings in which runs are compared: those of an earlier run among them."""

from pathlib import Path
from typing import Any

import pytest
from helpers.planted_runs import auc, compared, write_run

from mtl_cli.comparison.configurations import short_key
from mtl_cli.comparison.run_settings import compared_settings, complete_settings


def settings(run: str | None, seed: int = 1) -> dict[str, str]:
    start: dict[str, Any] = {"run": run, "freeze": [], "reset": [], "refit": []}
    return compared_settings(
        {"seed": seed, "model": {"name": "ple"}, "start_from": start}
    )


def test_runs_without_an_earlier_run_are_alike_before_and_since_there_is_the_key() -> (
    None
):
    assert settings(None) == compared_settings({"seed": 1, "model": {"name": "ple"}})


def test_runs_of_seeds_that_start_from_runs_of_their_seeds_are_one_configuration() -> (
    None
):
    folders = [f"outputs/sweeps/day=1/model=ple,seed={seed}" for seed in (1, 11)]
    assert settings(folders[0], 1) == settings(folders[1], 11)
    assert settings(folders[0], 1)["start_from.run"].endswith("day=1/model=ple,seed=*")
    assert settings(folders[0], 1) != settings(folders[0], 11)
    assert settings("outputs/runs/a") != settings("outputs/runs/b")


def test_empty_lists_of_an_earlier_run_are_no_settings() -> None:
    assert settings("a") == {"model.name": "ple", "start_from.run": "a"}
    start = {"run": "a", "freeze": ["towers"], "reset": [], "refit": []}
    frozen = compared_settings({"model": {"name": "ple"}, "start_from": start})
    assert frozen == settings("a") | {"start_from.freeze": "[towers]"}
    assert short_key("start_from.run", [*frozen]) == "start_from"


@pytest.mark.parametrize(
    "config",
    [
        {"a": ["x" * 1_000_000] * 100},  # a few letters of YAML with aliases
        {"x" * 1_000_000: {str(i): {} for i in range(100)}},
    ],
    ids=["values", "keys"],
)
def test_settings_that_would_fill_the_memory_are_refused(config: dict) -> None:
    with pytest.raises(ValueError, match="the settings are too long"):
        compared_settings(config)


def test_old_run_without_a_key_and_new_run_with_its_old_value_are_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scores = {"test": {"click": auc(0.7)}}
    write_run(tmp_path / "old", "ple", 1, scores)
    newer = {"trainer__ema_decay": 0.0, "model__members": 1, "model__towers": "star"}
    write_run(
        tmp_path / "new", "ple", 2, scores, **newer | {"model__towers": "independent"}
    )
    (one,) = compared(capsys, tmp_path)["configurations"]
    assert one["seeds"] == [1, 2]
    write_run(tmp_path / "other", "ple", 3, scores, **newer)
    names = [c["name"] for c in compared(capsys, tmp_path)["configurations"]]
    assert names == ["towers=independent", "towers=star"]


def test_keys_of_options_are_completed_by_their_own_defaults() -> None:
    task = "dataset.tasks.click"
    old = {"model.name": "mmoe", f"{task}.kind": "binary", "optimizer.name": "adam"}
    new = {
        "model.gate": "softmax",
        "model.gate_gamma": "1",
        f"{task}.sampling_rate": "1",
        "dataset.tasks.buy.weight": "1",
        "dataset.group_column": "null",
        "optimizer.momentum": "0.9",
        "plugin.key": "1",
    }
    complete_settings([old, new])
    assert old["model.gate"] == "softmax" and old["model.gate_gamma"] == "1"
    assert old["dataset.group_column"] == "null"
    for key in ("dataset.tasks.buy.weight", "optimizer.momentum", "plugin.key"):
        assert key not in old  # no such task, option or section in the old run


def test_key_of_a_task_or_feature_is_shortened_to_its_name_and_the_key() -> None:
    watch = [f"dataset.tasks.watch.{name}" for name in ("kind", "loss")]
    keys = [*watch, "dataset.tasks.buy.loss", "dataset.features.watch.kind"]
    shortened = ["dataset.tasks.watch.kind", "watch.loss", "buy.loss"]
    assert [short_key(key, keys) for key in keys[:3]] == shortened


def test_keys_are_added_in_the_order_in_which_they_appear() -> None:
    names = ("weight_column", "split_by", "valid", "group_column", "split_seed", "test")
    new = {f"dataset.{name}": "1" for name in names}
    old: dict[str, str] = {}
    complete_settings([old, new])
    assert list(old) == list(new)
