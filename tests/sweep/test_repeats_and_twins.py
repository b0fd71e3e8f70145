"""The jobs of one composed configuration: one per seed, and single-task twins."""

from typing import Any

import pytest
from helpers.networks import config
from omegaconf import OmegaConf

from mtl_cli.config.single_task_twin import bottom_units
from mtl_cli.core.option_classes import option_names
from mtl_cli.sweep.folder_names import job_name
from mtl_cli.sweep.repeats_and_twins import Variant, repeats_and_twins, with_seed


def composed(*settings: str, **values: Any) -> Variant:
    """Returns a configuration with a small PLE, as Hydra composes it."""
    model = {"name": "ple", "num_levels": 2, "expert_units": [64, 32]}
    model |= {"tower_units": [8], "heads": "independent"}
    defaults = {"seed": 5, "repeats": 1, "resume": "must", "model": model}
    defaults["compare"] = {"single_task": False}
    defaults["dataset"] = {"name": "shop"}
    return Variant(defaults | values, list(settings), {"model": "ple"})


def test_one_configuration_is_one_job_without_the_keys_of_its_sweep() -> None:
    given = composed("model=ple", "++repeats=1", "+compare.single_task=false")
    (job,) = repeats_and_twins(given)
    assert job.settings == ["model=ple"]
    assert job.choices == {"model": "ple"}
    assert job.values == given.values | {"resume": "auto"}


def test_jobs_lack_the_setting_that_asks_for_their_twins() -> None:
    asked = composed("compare={single_task: true}", compare={"single_task": True})
    job, twin = repeats_and_twins(asked)
    assert not any("compare" in text for text in [*job.settings, *twin.settings])


def test_repeats_come_before_their_twins() -> None:
    keys = {"repeats": 2, "compare": {"single_task": True}}
    jobs = repeats_and_twins(
        composed("model=ple", "seed=5", seed=5, **keys),
        composed("model=ple", "seed=6", seed=6, **keys),
    )
    assert [(j.values["model"]["name"], j.values["seed"]) for j in jobs] == [
        ("ple", 5),
        ("ple", 6),
        ("single_task", 5),
        ("single_task", 6),
    ]
    twin = ["model=single_task", "model.bottom_units=[64,32,64,32]"]
    twin.append("model.tower_units=[8]")  # not the default
    assert [job.settings for job in jobs] == [
        ["model=ple", "seed=5"],
        ["model=ple", "seed=6"],
        ["seed=5", *twin],
        ["seed=6", *twin],
    ]
    assert all(job.values["repeats"] == 1 for job in jobs)
    assert not any(job.values["compare"]["single_task"] for job in jobs)


def test_other_keys_follow_the_seed_of_a_repeat() -> None:
    values = {"dataset": {"split_seed": "${seed}"}, "model": {"name": "ple"}}
    shared = OmegaConf.create({"seed": 5, **values})
    run = Variant({}, ["seed=5", "dataset.split_seed=${seed}"], {"model": "ple"})
    repeat = with_seed(run, shared, 6)
    assert repeat.values["seed"] == repeat.values["dataset"]["split_seed"] == 6
    assert repeat.settings == ["dataset.split_seed=${seed}", "seed=6"]


def test_twin_keeps_the_keys_that_do_not_describe_the_sharing() -> None:
    settings = ["model=ple", "model.num_levels=2", "model.tower_units=[8]"]
    _, twin = repeats_and_twins(composed(*settings, compare={"single_task": True}))
    assert twin.settings[0] == "model.tower_units=[8]"
    assert not any("num_levels" in setting for setting in twin.settings)
    assert twin.values["model"]["tower_units"] == [8]
    assert "num_levels" not in twin.values["model"]
    assert twin.choices == {"model": "single_task"}


def test_each_balancing_method_has_a_twin_of_its_own() -> None:
    twins = [
        repeats_and_twins(composed(f"balancing={name}", compare={"single_task": True}))
        for name in ("fixed", "pcgrad")
    ]
    assert len({job_name(twin.settings) for _, twin in twins}) == 2
    assert twins[1][1].settings[0] == "balancing=pcgrad"


def test_twins_with_other_values_of_the_models_yaml_have_other_folders() -> None:
    shared = {"name": "shared_bottom", "bottom_units": [4]}
    names = set()
    for widths in ([], [32]):
        model = shared | {"tower_units": widths}
        given = composed("model=x", model=model, compare={"single_task": True})
        _, twin = repeats_and_twins(given)
        names.add(job_name(twin.settings))
        assert ("model.tower_units=[]" in twin.settings) == (widths == [])
    assert len(names) == 2


def test_twin_has_no_towers_that_read_each_other() -> None:
    given = composed("model=ple", "model.towers=dbmtl", compare={"single_task": True})
    given.values["model"]["towers"] = "dbmtl"
    run, twin = repeats_and_twins(given)
    assert run.values["model"]["towers"] == "dbmtl"
    assert twin.values["model"]["towers"] == "independent"
    assert not any("towers" in setting for setting in twin.settings)


def test_single_task_model_has_no_twin() -> None:
    model = {"name": "single_task", "bottom_units": [4]}
    given = composed(model=model, compare={"single_task": True})
    assert len(repeats_and_twins(given)) == 1


@pytest.mark.parametrize("model", ["shared_bottom", "omoe", "mmoe", "cgc", "ple"])
def test_twin_of_every_sharing_is_a_valid_configuration(model: str) -> None:
    dumped = config(f"model={model}").model.model_dump(mode="json")
    _, twin = repeats_and_twins(composed(model=dumped, compare={"single_task": True}))
    keys = [f"model.{key}={value}" for key, value in twin.values["model"].items()]
    overrides = [key.replace("None", "null") for key in keys if "name" not in key]
    assert config("model=single_task", *overrides).model.name == "single_task"


def test_twins_of_scenarios_train_the_same_model_on_their_rows() -> None:
    compare = {"single_task": False, "scenarios": ["feed", 2, "it's"]}
    joint, *twins = repeats_and_twins(composed("model=ple", compare=compare))
    assert [twin.values["dataset"] for twin in twins] == [
        {"name": "shop", "only_scenario": name} for name in ("feed", "2", "it's")
    ]
    assert [twin.settings[1] for twin in twins] == [
        "++dataset.only_scenario=feed",
        "++dataset.only_scenario='2'",
        "++dataset.only_scenario='it\\'s'",
    ]
    assert all(twin.values["model"] == joint.values["model"] for twin in twins)
    assert "scenarios" not in twins[0].values["compare"]


def test_run_of_one_scenario_has_no_twins_of_scenarios() -> None:
    compare = {"single_task": False, "scenarios": ["feed"]}
    given = composed(compare=compare, dataset={"only_scenario": "shop"})
    assert len(repeats_and_twins(given)) == 1


@pytest.mark.parametrize(
    ("model", "units"),
    [
        ("snr", {"network_units": [64, 64]}),
        ("home", {"expert_units": [32], "bottom_units": []}),
        ("m3oe", {"expert_units": [8], "star_units": 16, "bottom_units": [4]}),
    ],
)
def test_twin_is_as_deep_as_its_model(model: str, units: dict[str, Any]) -> None:
    expected = {"snr": [64, 64], "home": [32, 32], "m3oe": [16, 4, 8]}
    assert bottom_units({"name": model, **units}) == expected[model]


@pytest.mark.parametrize("model", option_names("models"))
def test_twin_of_a_model_with_experts_has_layers(model: str) -> None:
    keys = config(f"model={model}").model.model_dump()
    has_networks = any(name in keys for name in ("expert_units", "network_units"))
    assert bottom_units(keys) or not has_networks


def test_folders_of_many_jobs_have_different_names() -> None:
    units = ["model.tower_units=[64,32]", ".expert_units=[128,64]"]
    settings = [units[0], f"model{units[1]}", "optimizer.learning_rate=0.001"]
    settings.append("trainer.batch_size=2048")
    names = {job_name([*settings, f"seed={seed}"]) for seed in range(20_000)}
    assert len(names) == 20_000
