"""The command that a run names to go on with."""

from pathlib import Path
from typing import Any

import pytest
from helpers.composition import composed
from helpers.planted_data import config, values
from omegaconf import OmegaConf

from mtl_cli.config.check import check
from mtl_cli.config.run_config import Config
from mtl_cli.core import plugins
from mtl_cli.runs.next_commands import next_commands
from mtl_cli.runs.outcome import resume_command

FEATURES = {"user": {"kind": "sparse"}}
TASKS = {name: {"label": name, "kind": "binary"} for name in ("click", "buy")}
SETTINGS = ["dataset=shop", "model=shared_bottom", "seed=2", "hydra.run.dir=x"]


# The towers of the helper's configuration differ from the default.
TWIN = "model=single_task 'model.bottom_units=[32]' 'model.tower_units=[]'"


def chosen(*overrides: str, **keys: Any) -> Any:
    dataset = values("train.csv", FEATURES, TASKS, **keys)
    return config(dataset, "model.bottom_units=[32]", *overrides)


def next_command(config: Any, settings: list[str]) -> str:
    command, _ = next_commands(config, Path("run"), settings)[0]
    return command


def test_multi_task_run_is_compared_with_single_tasks() -> None:
    expected = f"mtl-train dataset=shop seed=2 {TWIN}"
    assert next_command(chosen(test="may.csv"), SETTINGS) == expected


def test_settings_with_a_plus_are_left_out_as_those_without() -> None:
    settings = ["dataset=shop", *(f"++{setting}" for setting in SETTINGS[1:])]
    expected = f"mtl-train dataset=shop seed=2 {TWIN}"
    assert next_command(chosen(test="may.csv"), settings) == expected


def test_keys_of_a_sweep_are_left_out() -> None:
    of_sweep = ["sweep=widths", "sweep.jobs=1", "repeats=2", "++compare.scenarios=[a]"]
    expected = f"mtl-train dataset=shop seed=2 {TWIN}"
    assert next_command(chosen(), [*of_sweep, *SETTINGS]) == expected


def test_resume_command_leaves_out_the_setting_resume() -> None:
    for sign in ("", "+", "++"):
        command = ["mtl-train", "seed=2", f"{sign}resume=never"]
        assert resume_command(command) == "mtl-train seed=2"


def test_single_tasks_have_the_towers_of_the_run() -> None:
    settings = ["model=shared_bottom", "model.tower_units=[16]", "model.heads=esmm"]
    units = "'model.bottom_units=[32]'"
    expected = f"mtl-train 'model.tower_units=[16]' model=single_task {units}"
    assert next_command(chosen("model.tower_units=[16]"), settings) == expected


def test_single_tasks_have_the_towers_that_the_yaml_of_the_model_sets() -> None:
    sections: Any = OmegaConf.to_container(composed("model=pepnet"), resolve=True)
    dataset = values("train.csv", FEATURES, TASKS, valid_fraction=0.1)
    pepnet = Config.model_validate(sections | {"dataset": dataset})
    command = next_command(pepnet, ["dataset=shop", "model=pepnet"])
    assert command.endswith("'model.tower_units=[64,64]'")


def test_single_tasks_are_as_large_as_the_experts_of_the_run() -> None:
    experts = ["model=ple", "model.num_levels=3", "model.expert_units=[64,32]"]
    units = "'model.bottom_units=[64,32,64,32,64,32]'"
    expected = f"mtl-train dataset=shop model=single_task {units}"
    settings = ["dataset=shop", *experts]
    sections: Any = OmegaConf.to_container(composed(*experts), resolve=True)
    dataset = values("train.csv", FEATURES, TASKS, valid_fraction=0.1)
    ple = Config.model_validate(sections | {"dataset": dataset})
    assert next_command(ple, settings) == expected


def test_run_whose_heads_decide_the_weights_of_rows_is_repeated() -> None:
    tasks = {"click": TASKS["click"] | {"sampling_rate": 0.1}, "buy": TASKS["buy"]}
    heads = ["model.heads=funnel", "model.funnel_steps=[click,buy]"]
    sampled = config(values("train.csv", FEATURES, tasks), *heads)
    command = next_command(sampled, ["dataset=shop", *heads, "seed=2"])
    assert command.startswith("mtl-train -m dataset=shop model.heads=funnel")
    independent = config(
        values("train.csv", FEATURES, tasks), "model.bottom_units=[32]"
    )
    assert next_command(independent, ["dataset=shop"]).endswith(TWIN)


def test_run_of_an_own_primary_configuration_is_repeated() -> None:
    settings = ["--config-dir=team", "--config-name=mine", "seed=3"]
    command = next_command(chosen(), settings)
    expected = "mtl-train -m --config-dir=team --config-name=mine seed=1,2,3"
    assert command == expected


def test_run_with_a_start_is_compared_with_the_earlier_run_on_the_same_rows() -> None:
    later = chosen("start_from.run=outputs/days/1", test="day 2.csv")
    settings = [*SETTINGS, "start_from.run=outputs/days/1", "--plugins=mine"]
    target = "-o outputs/evaluations/run"
    command = f"mtl-evaluate outputs/days/1 run 'day 2.csv' {target} --plugins=mine"
    assert next_command(later, settings) == command
    purpose = "scores both runs on the test rows of this run"
    assert next_commands(later, Path("run"), settings)[0] == (command, purpose)


def test_commands_for_a_model_name_the_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugins, "_folders", (Path.cwd() / "my plugins",))
    for command, _ in next_commands(chosen(), Path("run"), SETTINGS)[1:]:
        assert command.endswith(" '--plugins=my plugins'")


def test_all_files_of_the_test_rows_are_named() -> None:
    later = chosen("start_from.run=first", test=["1.csv", "2.csv"])
    command = "mtl-evaluate first run 1.csv 2.csv -o outputs/evaluations/run"
    assert next_command(later, SETTINGS) == command


def test_generated_test_rows_are_no_file_to_evaluate() -> None:
    settings = ["dataset=synthetic_mmoe", "start_from.run=first"]
    repeated = "mtl-train -m dataset=synthetic_mmoe start_from.run=first seed=1,2,3"
    assert next_command(check(composed(*settings)), settings) == repeated


def test_run_with_a_start_and_no_test_file_of_its_own_is_repeated() -> None:
    settings = [*SETTINGS, "start_from.run=first"]
    repeated = "mtl-train -m dataset=shop model=shared_bottom start_from.run=first "
    repeated += "seed=1,2,3"
    halves: dict[str, Any] = {"valid_fraction": 0.5, "valid_from": "test"}
    for keys in ({}, halves | {"test": "may.csv"}):
        later = chosen("start_from.run=first", **keys)
        assert next_command(later, settings) == repeated
