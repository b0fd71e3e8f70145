"""The settings in which runs are compared: those of an earlier run among them."""

from typing import Any

import pytest

from mtl_cli.comparison.configurations import short_key
from mtl_cli.comparison.run_settings import (
    MAX_VALUES,
    check_number_of_values,
    compared_settings,
)


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


def test_configuration_has_at_most_a_number_of_values() -> None:
    # The dictionary and the list are values too.
    check_number_of_values({"a": [0] * (MAX_VALUES - 2)})
    endless: list[object] = []
    endless.append(endless)
    for config in ({"a": [0] * (MAX_VALUES - 1)}, {"a": endless}):
        with pytest.raises(ValueError, match="too many values"):
            check_number_of_values(config)
