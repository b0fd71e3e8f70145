"""A key that an old run was saved without has the value that it meant then."""

from pathlib import Path

import pytest
from helpers.planted_runs import auc, compared, write_run

from mtl_cli.comparison.missing_settings import complete_settings


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


def test_keys_are_added_in_the_order_in_which_they_appear() -> None:
    names = ("weight_column", "split_by", "valid", "group_column", "split_seed", "test")
    new = {f"dataset.{name}": "1" for name in names}
    old: dict[str, str] = {}
    complete_settings([old, new])
    assert list(old) == list(new)
