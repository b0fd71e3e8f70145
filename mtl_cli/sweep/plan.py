"""Reads the settings and keys of a configuration that concern its sweep."""

import contextlib
import itertools
import math
from typing import Any

from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, RangeSweep
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import ValidationError

from mtl_cli.config.overrides import KEYS_THAT_ADD_RUNS
from mtl_cli.config.sweep_options import CompareOptions, SweepOptions
from mtl_cli.core.errors import ConfigError
from mtl_cli.core.message_text import counted
from mtl_cli.core.options import Count, Options, Seed
from mtl_cli.sweep.plugin_settings import uses_basic_launcher

# Hydra composes the configurations of all jobs before the first job starts. Too many
# jobs would take hours and fill the memory before anything is trained.
MAX_JOBS = 100_000
# The module of Hydra's own sweeper; the `_target_` of this sweeper begins with it.
BASIC_SWEEPER = "hydra._internal.core_plugins.basic_sweeper"


class SweepKeys(Options):
    """The keys of a configuration that determine its jobs and how the jobs run."""

    seed: Seed
    repeats: Count
    compare: CompareOptions
    sweep: SweepOptions


def keys_of_values(values: dict[str, Any]) -> SweepKeys:
    """Reads the keys from a resolved configuration."""
    keys = {key: values[key] for key in SweepKeys.model_fields}
    try:
        return SweepKeys.model_validate(keys)
    except ValidationError as error:
        from mtl_cli.config.validation_errors import explain

        raise ConfigError(explain(error, keys)) from None


def check_number_of_jobs(config: DictConfig) -> None:
    """Refuses a sweep with too many jobs, or with wrong values of `SweepKeys`."""
    num_jobs = number_of_combinations(swept_settings(config)) if is_grid(config) else 1
    keys = keys_of_config(config)
    if num_jobs * (keys.repeats if keys else 1) > MAX_JOBS:
        raise ConfigError(
            f"the sweep has more than {MAX_JOBS:,} jobs; give fewer values, or split "
            "the sweep"
        )


def planned_jobs(config: DictConfig) -> str:
    """Returns a text such as `6 jobs, up to 2 at a time`; "" if the number is unknown.

    The number of twins is known only when the jobs are composed.
    """
    keys, swept = keys_of_config(config), swept_settings(config)
    if keys is None:
        return ""
    # Jobs of the seeds 1 and 2 with `repeats=2` share the seed 2.
    uncounted = {*KEYS_THAT_ADD_RUNS, *(["seed"] if keys.repeats > 1 else [])}
    has_twins = keys.compare.single_task or keys.compare.scenarios
    twins = " and their twins" if has_twins else ""
    if not is_grid(config):
        trials = config.hydra.sweeper.get("n_trials")  # not of a list of pairs
        jobs = f" of {keys.repeats} jobs" if keys.repeats > 1 else ""
        return f"{counted(trials, 'trial')}{jobs}{twins}" if trials else ""
    num_jobs = number_of_combinations(swept) * keys.repeats
    if num_jobs == 0 or any(s.key_or_group in uncounted for s in swept):
        return ""
    jobs = counted(num_jobs, "job")
    if not uses_basic_launcher(config.hydra):
        return f"{jobs}{twins}"
    return f"{jobs}{twins}, up to {keys.sweep.jobs_at_once} at a time"


def is_grid(config: DictConfig) -> bool:
    """Whether Hydra's own sweeper makes the jobs: every combination of values."""
    return str(config.hydra.sweeper._target_).startswith(BASIC_SWEEPER)


def keys_of_config(config: DictConfig) -> SweepKeys | None:
    """Reads the keys from a sweep's configuration; None if they cannot be resolved.

    The swept settings of a job may mend such keys. If they do not, the job reports the
    error.
    """
    plain: Any = OmegaConf.to_container(config)
    with contextlib.suppress(OmegaConfBaseException, KeyError):
        keys = OmegaConf.create({key: plain[key] for key in SweepKeys.model_fields})
        values: Any = OmegaConf.to_container(keys, resolve=True, throw_on_missing=True)
        return keys_of_values(values)
    return None


def swept_settings(config: DictConfig) -> list[Override]:
    """Returns the settings with several values, in the order of `settings_by_key`."""
    return [s for s in settings_by_key(config) if s.is_sweep_override()]


def fixed_keys(settings: list[Override]) -> set[str]:
    """Returns the keys that have the same value in all jobs, also in twins and repeats.

    Keys of the model and the seed are left out: twins and repeats change them.
    """
    keys = keys_with_one_value(settings) - {"seed", "model"}
    return {key for key in keys if not key.startswith("model.")}


def keys_with_one_value(settings: list[Override]) -> set[str]:
    """Returns the keys that a sweep sets, but does not vary."""
    varied = {s.key_or_group for s in settings if varies(s)}
    return {s.key_or_group for s in settings} - varied


def varies(setting: Override) -> bool:
    """Whether a setting has several values. `choice(4)` has one."""
    has_one = setting.is_discrete_sweep() and number_of_values(setting) == 1
    return setting.is_sweep_override() and not has_one


def settings_by_key(config: DictConfig) -> list[Override]:
    """Returns the settings of a sweep, from its file and its command line.

    To a sweeper, a later setting replaces an earlier setting of the same key with the
    same prefix. So `seed=1,2 seed=3,4` has two jobs, `seed=1,2 +seed=3,4` has four.

    Raises:
        HydraException: if a setting is wrong.
    """
    params: Any = OmegaConf.select(config, "hydra.sweeper.params") or {}
    # An interpolation such as `${hydra:job.num}` has a value only in a job.
    unresolved: Any = OmegaConf.to_container(config.hydra.overrides.task)
    parser = OverridesParser.create(GlobalHydra.instance().config_loader())
    texts = [*(f"{key}={value}" for key, value in params.items()), *unresolved]
    settings = parser.parse_overrides(texts)
    return list({setting.get_key_element(): setting for setting in settings}.values())


def number_of_combinations(settings: list[Override]) -> int:
    return math.prod(map(number_of_values, settings))


def number_of_values(setting: Override) -> int:
    """Returns the number of values that a setting sweeps over, with repeated values.

    More than `MAX_JOBS` values count as `MAX_JOBS + 1` values.
    """
    if not setting.is_discrete_sweep():
        return 1  # an interval: Hydra's basic sweeper refuses intervals later
    values: Any = setting.value()
    try:
        # Hydra adds a step that is no integer again and again, with rounding errors, so
        # only counting is exact.
        is_range = isinstance(values, RangeSweep)
        numbers = values.range() if is_range else setting.sweep_iterator()
        return sum(1 for _ in itertools.islice(numbers, MAX_JOBS + 1))
    except ValueError as error:  # a range with the step 0
        raise ConfigError(f"{setting.key_or_group}: {error}") from None
