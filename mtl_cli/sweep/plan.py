"""Reads the keys of a configuration that concern its sweep, and counts the jobs."""

import itertools
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
    """Reads the keys from a resolved configuration.

    Raises:
        ConfigError: if a key has a wrong value.
    """
    keys = {key: values[key] for key in SweepKeys.model_fields}
    try:
        return SweepKeys.model_validate(keys)
    except ValidationError as error:
        from mtl_cli.config.check import explain

        raise ConfigError(explain(error, keys)) from None


def keys_of_config(config: DictConfig) -> SweepKeys | None:
    """Reads the keys from a sweep's configuration, before the jobs are composed.

    Returns None if the keys cannot be resolved yet: the swept settings of a job may
    still change the keys. A job whose keys cannot be resolved reports the error.
    """
    plain: Any = OmegaConf.to_container(config)
    try:
        keys = OmegaConf.create({key: plain[key] for key in SweepKeys.model_fields})
        values: Any = OmegaConf.to_container(keys, resolve=True, throw_on_missing=True)
    except (OmegaConfBaseException, KeyError):
        return None
    return keys_of_values(values)


def number_of_jobs(config: DictConfig, keys: SweepKeys | None) -> int | None:
    """Returns the number of jobs of a sweep; None if it is not known in advance.

    A search chooses its jobs one after another, so their number is not known. Neither
    is the number of jobs of a sweep with twins, because two jobs may have the same
    twin, or of a sweep over seeds with repeats, because two jobs may have the same
    seed. A twin is a job's run on each task or each scenario alone, see
    `CompareOptions`.

    Raises:
        ConfigError: if there are surely more than `MAX_JOBS` jobs.
    """
    settings = swept_settings(config)
    # Keys and settings that cannot be read here can only add jobs.
    repeats = keys.repeats if keys is not None else 1
    known_settings = settings if settings is not None else []
    least_number = math.prod(map(number_of_values, known_settings)) * repeats
    if least_number > MAX_JOBS:
        raise ConfigError(
            f"the sweep has more than {MAX_JOBS:,} jobs; give fewer values, or split "
            "the sweep"
        )
    is_exact = (
        settings is not None
        and keys is not None
        and not (keys.compare.single_task or keys.compare.scenarios)
        # The values of such a key differ between the jobs.
        and not any(s.key_or_group in KEYS_THAT_ADD_RUNS for s in settings)
        # With `seed=1,2 repeats=2`, the seeds 1 and 2, and 2 and 3, share a job.
        and not (repeats > 1 and any(s.key_or_group == "seed" for s in settings))
    )
    return least_number if is_exact else None


def swept_settings(config: DictConfig) -> list[Override] | None:
    """Returns the settings that Hydra's own sweeper sweeps over.

    Returns None for another sweeper, and if a setting is wrong: Hydra's sweeper raises
    the error later.
    """
    sweeper = config.hydra.sweeper
    if not str(sweeper._target_).startswith(BASIC_SWEEPER):
        return None
    parser = OverridesParser.create(GlobalHydra.instance().config_loader())
    params = [f"{key}={value}" for key, value in (sweeper.params or {}).items()]
    try:
        settings = parser.parse_overrides([*params, *config.hydra.overrides.task])
    except HydraException:
        return None
    # To Hydra's sweeper, a later setting replaces an earlier setting of the same key
    # with the same prefix. So `seed=1,2 seed=3,4` has two jobs, `seed=1,2 +seed=3,4`
    # has four.
    by_key = {setting.get_key_element(): setting for setting in settings}
    return [setting for setting in by_key.values() if setting.is_sweep_override()]


def number_of_values(setting: Override) -> int:
    """Returns the number of values that a setting sweeps over.

    A range of floats with more than `MAX_JOBS` values counts as `MAX_JOBS + 1` values.
    """
    values: Any = setting.value()
    if isinstance(values, RangeSweep) and values.step:
        numbers = values.range()
        if isinstance(numbers, range):
            # The number of values is (stop - start) / step, rounded up: minus the
            # negative quotient, rounded down. `len` refuses numbers above 2^63.
            return max(0, -((numbers.start - numbers.stop) // numbers.step))
        # Hydra adds a step that is no integer again and again, with rounding errors, so
        # only counting is exact. Counting stops when there are too many jobs.
        return sum(1 for _ in itertools.islice(numbers, MAX_JOBS + 1))
    if not setting.is_discrete_sweep():
        return 1  # an interval: Hydra's basic sweeper refuses intervals later
    try:
        return sum(1 for _ in setting.sweep_iterator())
    except ValueError as error:  # a range with the step 0
        raise ConfigError(f"{setting.key_or_group}: {error}") from None
