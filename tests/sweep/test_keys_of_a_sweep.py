"""The keys `sweep`, `repeats` and `compare` reach the jobs that a sweep starts."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hydra import compose, initialize, initialize_config_dir
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.conf import JobConf
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from mtl_cli.config import sweep_options
from mtl_cli.config.sweep_options import SweepOptions
from mtl_cli.core import machine
from mtl_cli.core.errors import ConfigError
from mtl_cli.core.paths import conf_folder
from mtl_cli.sweep import job_processes, start_jobs
from mtl_cli.sweep.plan import (
    BASIC_SWEEPER,
    MAX_JOBS,
    check_number_of_jobs,
    fixed_keys,
    number_of_combinations,
    number_of_values,
    planned_jobs,
    settings_by_key,
    swept_settings,
)

Started = list[tuple[int, float | None]]


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Returns the jobs at once and the seconds of each job that settings start."""
    runtime = {"cwd": str(tmp_path), "output_dir": str(tmp_path), "choices": {}}
    hydra = SimpleNamespace(
        runtime=SimpleNamespace(**runtime),
        overrides=SimpleNamespace(task=[]),
        job=OmegaConf.structured(JobConf(num=0)),
    )
    jobs: Started = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(start_jobs, "records_by_folder", {})
    monkeypatch.setattr(start_jobs.HydraConfig, "get", lambda: hydra)
    monkeypatch.setattr(start_jobs, "uses_basic_launcher", lambda _: True)
    monkeypatch.setattr(start_jobs, "is_stopped", lambda _: False)
    monkeypatch.setattr(start_jobs, "skip_if_done", lambda _: False)
    monkeypatch.setattr(
        job_processes,
        "start_process",
        lambda job, jobs_at_once, seconds: jobs.append((jobs_at_once, seconds)),
    )

    def start(*settings: str) -> Started:
        jobs.clear()
        start_jobs.records_by_folder.clear()
        hydra.overrides.task = list(settings)
        with initialize_config_dir(str(conf_folder()), version_base="1.3"):
            start_jobs.start_jobs(compose("config", overrides=list(settings)))
        return list(jobs)

    return start


def test_jobs_at_once_and_timeout_reach_each_job(started: Any) -> None:
    assert started("sweep.jobs=3", "sweep.timeout_minutes=2") == [(3, 120)]
    assert started("sweep.jobs=4", "sweep.timeout_minutes=null") == [(4, None)]


def test_repeats_and_twins_are_jobs_of_their_own(started: Any) -> None:
    assert len(started("sweep.jobs=1")) == 1
    assert len(started("sweep.jobs=1", "repeats=3")) == 3
    assert len(started("sweep.jobs=1", "repeats=3", "compare.single_task=true")) == 6
    scenarios = ["+compare.scenarios=[Private,'?']", "+dataset.scenario=workclass"]
    assert len(started("sweep.jobs=1", "repeats=2", *scenarios)) == 6


def test_key_without_a_value_for_one_of_the_seeds_is_named(
    started: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPLIT_OF_SEED_1", "7")
    split = "dataset.split_seed='${oc.env:SPLIT_OF_SEED_${seed}}'"
    assert len(started("sweep.jobs=1", split)) == 1
    with pytest.raises(ConfigError, match=r"dataset\.split_seed: .*SPLIT_OF_SEED_2'"):
        started("sweep.jobs=1", "repeats=2", split)


@pytest.mark.parametrize("value", ["two", "null", "1000000000"])
def test_wrong_value_is_one_job_that_reports_it(value: str, started: Any) -> None:
    settings = ["sweep.jobs=1", "compare.single_task=true"]
    jobs = started(*settings, f"model.num_levels={value}")
    assert len(jobs) == (2 if value.isdigit() else 1)


def test_auto_runs_as_many_jobs_as_the_machine_can(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sweep_options, "has_gpu", lambda: False)
    monkeypatch.setattr(sweep_options, "num_cores", lambda: 4)
    gibibytes = {"SC_PAGE_SIZE": 1 << 30, "SC_PHYS_PAGES": 64}
    monkeypatch.setattr(machine.os, "sysconf", gibibytes.__getitem__)
    auto = SweepOptions(jobs="auto", timeout_minutes=None)
    assert auto.jobs_at_once == 4
    gibibytes["SC_PHYS_PAGES"] = 6
    assert auto.jobs_at_once == 3  # one for every 2 GiB
    monkeypatch.setattr(sweep_options, "has_gpu", lambda: True)
    assert auto.jobs_at_once == 1


@pytest.mark.parametrize(
    "values",
    [
        "1,2,3",
        "range(5)",
        "range(1,10,3)",
        "range(1,10,-1)",
        "range(10,1,-2)",
        "range(0,1,0.25)",
        "range(0,1.1,0.3)",
        "range(0,0.3,0.3)",  # 0 and 0.3, which Hydra rounds down
        "range(0.1,1,0.01)",
        "range(1,0.1,-0.3)",
        "shuffle(range(3,7))",
        "sort(3,1,2)",
        "choice(a,b)",
    ],
)
def test_values_are_counted_as_hydra_lists_them(values: str) -> None:
    setting = OverridesParser.create().parse_override(f"seed={values}")
    assert number_of_values(setting) == len(list(setting.sweep_string_iterator()))


def test_range_with_the_step_0_is_refused() -> None:
    setting = OverridesParser.create().parse_override("seed=range(1,10,0)")
    with pytest.raises(ConfigError, match=r"seed: range\(\) arg 3 must not be zero"):
        number_of_values(setting)


@pytest.mark.usefixtures("loader")
@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (["seed=1,2", "seed=3,4,5"], 3),
        (["seed=1,2", "seed=3"], 1),
        (["seed=1,2", "+seed=3,4"], 4),  # Hydra gives each job both settings
    ],
)
def test_jobs_are_counted_as_hydra_makes_them(
    settings: list[str], expected: int
) -> None:
    assert number_of_combinations(swept_settings(sweep_of(settings))) == expected
    overrides = OverridesParser.create().parse_overrides(settings)
    (jobs,) = BasicSweeper.split_arguments(overrides, max_batch_size=None)
    assert len(jobs) == expected


@pytest.mark.parametrize(
    ("fixed", "swept", "expected"),
    [
        ([], ["seed=1,2,3", "model=ple,mmoe"], "6 jobs, up to 2 at a time"),
        (["repeats=5"], ["model=ple,mmoe"], "10 jobs, up to 2 at a time"),
        (
            ["compare.single_task=true"],
            ["seed=1,2"],
            "2 jobs and their twins, up to 2 at a time",
        ),
        (["repeats=2"], ["seed=1,2"], ""),  # both have the seed 2
        ([], ["model=glob(mm*)"], "1 job, up to 2 at a time"),
        ([], ["seed=glob(*)"], ""),
        (["hydra/sweeper=optuna", "repeats=3"], [], "20 trials of 3 jobs"),
    ],
)
def test_number_of_jobs_is_told_where_it_is_known(
    fixed: list[str], swept: list[str], expected: str
) -> None:
    if "hydra/sweeper=optuna" in fixed:
        pytest.importorskip("hydra_plugins.hydra_optuna_sweeper", reason="extra hpo")
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        fixed = ["sweep.jobs=2", *fixed]
        config = compose("config", fixed, return_hydra_config=True)
        config.hydra.overrides.task.extend(swept)
        assert planned_jobs(config) == expected


def sweep_of(settings: list[str], **params: object) -> DictConfig:
    """Returns the part of a sweep's configuration that holds its settings."""
    hydra = {"sweeper": {"params": params}, "overrides": {"task": settings}}
    return OmegaConf.create({"hydra": hydra})


@pytest.fixture
def loader() -> Iterator[None]:
    """Hydra's loader, which reads the settings of a sweep."""
    with initialize(version_base="1.3", config_path=None):
        yield


@pytest.mark.usefixtures("loader")
def test_fixed_keys_have_one_value_in_all_jobs() -> None:
    settings = ["model=mmoe,ple", "++dataset.valid_fraction=0.1,0.2", "dataset=adult"]
    settings += ["trainer.patience=1", "+trainer.patience=2,3"]
    # Twins and repeats change the model and the seed.
    settings += ["seed=3", "model.expert_units=[8]", "+model_note=x"]
    config = sweep_of(settings, **{"trainer.epochs": "1,2", "repeats": 2})
    keys = fixed_keys(settings_by_key(config))
    assert keys == {"dataset", "repeats", "model_note"}


def test_values_of_a_long_range_are_counted_without_a_list() -> None:
    setting = OverridesParser.create().parse_override("seed=range(0,1000000000000000)")
    assert number_of_values(setting) == MAX_JOBS + 1
    setting = OverridesParser.create().parse_override("seed=range(0,1,1e-15)")
    assert number_of_values(setting) == MAX_JOBS + 1


@pytest.mark.usefixtures("loader")
def test_search_may_have_more_combinations_than_a_sweep_may_have_jobs() -> None:
    config = sweep_of(["seed=range(0,1000)", "+trainer.epochs=range(0,1000)"])
    config.hydra.sweeper._target_ = "a.search"  # tries a few of the combinations
    check_number_of_jobs(config)
    config.hydra.sweeper._target_ = BASIC_SWEEPER
    with pytest.raises(ConfigError, match="more than 100,000 jobs"):
        check_number_of_jobs(config)
