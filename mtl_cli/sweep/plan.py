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

    Raises:
        ConfigError: if `product_of_values` is above `MAX_JOBS`.
    """
    settings = settings_of_grid(config)
    if product_of_values(settings, keys) > MAX_JOBS:
        raise ConfigError(
            f"the sweep has more than {MAX_JOBS:,} jobs; give fewer values, or split "
            "the sweep"
        )
    if settings is None:  # for instance in a search: it chooses one job after another
        return None
    if keys is None:  # the jobs may set other values of the keys
        return None
    return number_of_different_jobs(settings, keys)


def product_of_values(settings: list[Override] | None, keys: SweepKeys | None) -> int:
    """Returns the product of `repeats` and of the numbers of swept values.

    Settings or keys that cannot be read yet (None) count as 1, so that the product is
    not too high.
    """
    repeats = keys.repeats if keys is not None else 1
    return math.prod(map(number_of_values, settings or [])) * repeats


def number_of_different_jobs(settings: list[Override], keys: SweepKeys) -> int | None:
    """Returns the number of different jobs: equal jobs run only once.

    Returns None if the number is not known in advance.
    """
    # Each job has twins, but several jobs may share a twin, see `CompareOptions`.
    if keys.compare.single_task or keys.compare.scenarios:
        return None
    swept_keys = [setting.key_or_group for setting in settings]
    # A sweep over `repeats` or `compare` gives each job its own number of runs.
    if not set(swept_keys).isdisjoint(KEYS_THAT_ADD_RUNS):
        return None
    if keys.repeats == 1 or "seed" not in swept_keys:
        return math.prod(map(number_of_different_values, settings)) * keys.repeats
    if swept_keys.count("seed") > 1:  # as in `seed=1,2 +seed=3,4`
        return None
    # With `seed=1,2 repeats=2`, seed 1 is repeated with seed 2, and seed 2 with seed 3.
    # So the two settings share the job of seed 2.
    seed_setting = settings[swept_keys.index("seed")]
    others = [setting for setting in settings if setting is not seed_setting]
    if not seed_setting.is_discrete_sweep():
        return None
    first_seeds: set[Any] = set(seed_setting.sweep_iterator())
    if not all(isinstance(seed, int) for seed in first_seeds):
        return None  # the jobs report the wrong seed
    seeds = {seed + i for seed in first_seeds for i in range(keys.repeats)}
    return math.prod(map(number_of_different_values, others)) * len(seeds)


def uses_basic_sweeper(config: DictConfig) -> bool:
    """Whether Hydra's own sweeper makes the jobs, and not a search, for instance."""
    return str(config.hydra.sweeper._target_).startswith(BASIC_SWEEPER)


def settings_of_grid(config: DictConfig) -> list[Override] | None:
    """Returns the settings that Hydra's own sweeper sweeps over.

    Returns None for another sweeper, and if a setting is wrong: Hydra's sweeper raises
    the error later.
    """
    if not uses_basic_sweeper(config):
        return None
    try:
        return swept_settings(config)
    except HydraException:
        return None


def swept_settings(config: DictConfig) -> list[Override]:
    """Returns the settings with several values, in the order of `settings_by_key`.

    Raises:
        HydraException: if a setting is wrong.
    """
    return [s for s in settings_by_key(config) if s.is_sweep_override()]


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


def number_of_different_values(setting: Override) -> int:
    """Returns the number of values that a setting sweeps over, repeated values once."""
    if isinstance(setting.value(), RangeSweep) or not setting.is_discrete_sweep():
        return number_of_values(setting)
    return len(set(setting.sweep_string_iterator()))


def number_of_values(setting: Override) -> int:
    """Returns the number of values that a setting sweeps over, with repeated values.

    A range of floats with more than `MAX_JOBS` values counts as `MAX_JOBS + 1` values.
    """
    values: Any = setting.value()
    if isinstance(values, RangeSweep) and values.step:
        numbers = values.range()
        if isinstance(numbers, range):
            # ceil((stop - start) / step), written as -floor(-x), because whole numbers
            # stay exact. `len` refuses numbers above 2^63.
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
