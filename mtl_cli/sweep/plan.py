"""The plan of a sweep: the keys that determine its jobs and how the jobs run."""

import math
from typing import Any

from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, RangeSweep
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import ValidationError

from mtl_cli.config.overrides import KEYS_THAT_ADD_RUNS
from mtl_cli.config.sweep_options import CompareOptions, SweepOptions
from mtl_cli.core.errors import ConfigError
from mtl_cli.core.options import Count, Options, Seed

# Hydra composes the configurations of all jobs before the first job starts, so that too
# many jobs would take hours and fill the memory before anything is trained.
MAX_JOBS = 100_000
BASIC_SWEEPER = "hydra._internal.core_plugins.basic_sweeper"


class Plan(Options):
    """The keys of a configuration that belong to its sweep."""

    seed: Seed
    repeats: Count
    compare: CompareOptions
    sweep: SweepOptions


def plan_of_values(values: dict[str, Any]) -> Plan:
    """Reads the plan from a resolved configuration.

    Raises:
        ConfigError: if a key has a wrong value.
    """
    keys = {key: values[key] for key in Plan.model_fields}
    try:
        return Plan.model_validate(keys)
    except ValidationError as error:
        from mtl_cli.config.check import explain

        raise ConfigError(explain(error, keys)) from None


def plan_of_config(config: DictConfig) -> Plan | None:
    """Reads the plan from a configuration before its jobs start.

    Returns None if the keys cannot be resolved, because a job may still resolve them:
    its swept settings may change them. If a job cannot, it reports the error.
    """
    plain: Any = OmegaConf.to_container(config)
    try:
        keys = OmegaConf.create({key: plain[key] for key in Plan.model_fields})
        values: Any = OmegaConf.to_container(keys, resolve=True, throw_on_missing=True)
    except (OmegaConfBaseException, KeyError):
        return None
    return plan_of_values(values)


def number_of_jobs(config: DictConfig, plan: Plan | None) -> int | None:
    """Returns the number of jobs of a sweep; None if it is not known in advance.

    The number of a search is not known, because a search chooses its jobs one after
    another. The number of a sweep with twins is not known, because two jobs may share a
    twin.

    Raises:
        ConfigError: if there are more than `MAX_JOBS` jobs.
    """
    settings = swept_settings(config)
    repeats = plan.repeats if plan else 1
    num_jobs = math.prod(map(number_of_values, settings or [])) * repeats
    if num_jobs > MAX_JOBS:
        raise ConfigError(
            f"the sweep has more than {MAX_JOBS:,} jobs; give fewer values, or split "
            "the sweep"
        )
    if plan is None or settings is None:
        return None
    has_twins = plan.compare.single_task or plan.compare.scenarios
    if has_twins or any(s.key_or_group in KEYS_THAT_ADD_RUNS for s in settings):
        return None
    return num_jobs


def swept_settings(config: DictConfig) -> list[Override] | None:
    """Returns the settings with several values; None if they cannot be read here.

    Only Hydra's own sweeper is known, and a wrong setting is left to it.
    """
    sweeper = config.hydra.sweeper
    if not str(sweeper._target_).startswith(BASIC_SWEEPER):
        return None
    parser = OverridesParser.create(GlobalHydra.instance().config_loader())
    params = [f"{key}={value}" for key, value in (sweeper.params or {}).items()]
    try:
        settings = parser.parse_overrides([*params, *config.hydra.overrides.task])
    except HydraException:  # the sweeper raises it again
        return None
    # A later setting of the same key replaces an earlier one.
    by_key = {setting.get_key_element(): setting for setting in settings}
    return [setting for setting in by_key.values() if setting.is_sweep_override()]


def number_of_values(setting: Override) -> int:
    """Returns the number of values that a setting sweeps over."""
    values: Any = setting.value()
    if isinstance(values, RangeSweep) and values.step:
        # A list of the values of a long range would fill the memory. Their number is
        # (stop - start) / step, rounded up.
        start, stop = values.start or 0, values.stop or 0
        return max(0, int(-((start - stop) // values.step)))
    if not setting.is_discrete_sweep():
        return 1  # an interval: Hydra's basic sweeper refuses intervals later
    return sum(1 for _ in setting.sweep_iterator())
