"""Reads the keys of a configuration that concern its sweep, and counts the jobs."""

import itertools
import math
import re
from typing import Any

from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, RangeSweep
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import ValidationError

from mtl_cli.config.overrides import KEYS_THAT_ADD_RUNS, key_of_setting
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
        from mtl_cli.config.validation_errors import explain

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


def number_of_jobs(config: DictConfig, sweep_keys: SweepKeys | None) -> int | None:
    """Returns the number of jobs of a sweep; None if it is not known in advance.

    Raises:
        ConfigError: if `product_of_values` is above `MAX_JOBS`.
    """
    settings = settings_of_grid(config)
    if product_of_values(settings, sweep_keys) > MAX_JOBS:
        raise ConfigError(
            f"the sweep has more than {MAX_JOBS:,} jobs; give fewer values, or split "
            "the sweep"
        )
    # A search chooses its jobs one after another. If the keys are not known yet, each
    # job may have other repeats and twins.
    if settings is None or sweep_keys is None:
        return None
    varied_keys = {setting.key_or_group for setting in settings}
    # Two configurations may share a twin, see `CompareOptions`, or a repeat:
    # `seed=1,2 repeats=2` has only one run with the seed 2.
    shares_runs = sweep_keys.compare.single_task or bool(sweep_keys.compare.scenarios)
    shares_runs = shares_runs or (sweep_keys.repeats > 1 and "seed" in varied_keys)
    # A sweep over `repeats` or `compare` gives each job its own number of runs.
    if shares_runs or not varied_keys.isdisjoint(KEYS_THAT_ADD_RUNS):
        return None
    if not all(setting.is_discrete_sweep() for setting in settings):
        return None  # Hydra's sweeper refuses an interval
    # Equal jobs run only once, as in `seed=1,1`.
    values = [set(setting.sweep_string_iterator()) for setting in settings]
    return math.prod(map(len, values)) * sweep_keys.repeats


def product_of_values(
    settings: list[Override] | None, sweep_keys: SweepKeys | None
) -> int:
    """Returns the product of `repeats` and of the numbers of swept values.

    Settings or keys that cannot be read yet (None) count as 1, so that the product is
    not too high.
    """
    repeats = sweep_keys.repeats if sweep_keys is not None else 1
    return math.prod(map(number_of_values, settings or [])) * repeats


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


def fixed_keys(config: DictConfig, sweep_keys: SweepKeys | None) -> set[str]:
    """Returns the keys that the sweep sets to one value, the same in all jobs.

    Returns no keys if a setting is wrong.
    """
    try:
        settings = settings_by_key(config)
    except HydraException:  # Hydra's sweeper raises the error later
        return set()
    names = {s.get_key_element() for s in settings}
    varied = {s.get_key_element() for s in settings if s.is_sweep_override()}
    for section in ("list_params", "grid_params"):  # of the list sweeper
        varied.update(OmegaConf.select(config, f"hydra.sweeper.{section}") or [])
    # A sweep over `repeats` or `compare` gives each job its own repeats and twins.
    if not KEYS_THAT_ADD_RUNS.keys().isdisjoint(map(key_of_setting, varied)):
        sweep_keys = None
    if sweep_keys is None or sweep_keys.repeats > 1:
        varied.add("seed")
    # Single-task twins have another model. If the keys are not known yet, there may be
    # such twins.
    if sweep_keys is None or sweep_keys.compare.single_task:
        varied.update(n for n in names if re.match(r"[+~]*model\b", n))
    return set(map(key_of_setting, names)) - set(map(key_of_setting, varied))


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
