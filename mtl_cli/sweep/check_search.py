"""Checks the settings of a search before it starts."""

import warnings
from enum import Enum
from typing import TYPE_CHECKING, Any

from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, ListConfig

from mtl_cli.config.overrides import without_added_prefix, without_signs
from mtl_cli.core.errors import ConfigError, first_line
from mtl_cli.core.message_text import comma_list, shown

if TYPE_CHECKING:
    import optuna
    from optuna.distributions import BaseDistribution


def check_search(config: DictConfig) -> None:
    """Refuses a search that could not work, before it starts.

    Such a search trains no models, has fewer than one trial, looks for the worst score
    or for several metrics, or has a range without values.

    Raises:
        ConfigError: if the search is refused.
    """
    if config.check_only:
        raise ConfigError(
            "check_only: a search needs the scores of trained models; leave check_only "
            "out, or leave the search out to check one configuration"
        )
    direction = config.hydra.sweeper.direction
    if isinstance(direction, ListConfig):
        raise ConfigError(
            "hydra.sweeper.direction: a search has one metric, trainer.monitor, and "
            "takes the best; leave the setting out"
        )
    # The plugin's default is a member of an `Enum`, a user's setting is a text.
    if direction != "maximize" and not isinstance(direction, Enum):
        raise ConfigError(
            "hydra.sweeper.direction: a search takes the best trainer.monitor, and "
            "negates a metric for which less is better; leave the setting out"
        )
    for key in ("n_trials", "n_jobs"):
        if (number := config.hydra.sweeper[key]) < 1:
            raise ConfigError(f"hydra.sweeper.{key}: {number} should be 1 or more")
    check_ranges(config)


def check_ranges(config: DictConfig) -> None:
    """Refuses a range of values that Optuna refuses, such as `range(5,2)`.

    A grid whose list of points would fill the memory is refused too.
    """
    from mtl_cli.sweep.grid_search import grid_values, uses_grid_sampler
    from mtl_cli.sweep.plan import MAX_JOBS, product_of_values, swept_settings

    try:
        settings = swept_settings(config)
    except HydraException:  # Hydra's sweeper raises the error later
        return
    is_grid = uses_grid_sampler(config)
    if is_grid and product_of_values(settings, sweep_keys=None) > MAX_JOBS:
        raise ConfigError(
            f"hydra.sweeper.sampler: the grid has more than {MAX_JOBS:,} points; give "
            "fewer values, or take another sampler"
        )
    for setting in settings:
        try:
            distribution = distribution_of(setting)
            if is_grid:
                grid_values(distribution)
        except (ValueError, TypeError) as error:
            text = without_added_prefix(setting.input_line or "")
            raise ConfigError(f"cannot search {text}: {first_line(error)}") from None


def distribution_of(setting: Override) -> "BaseDistribution":
    """Converts a swept setting, such as `seed=range(1,5)`, to a distribution of Optuna.

    Raises:
        ValueError: if Optuna refuses the values.
    """
    from hydra_plugins.hydra_optuna_sweeper._impl import (
        create_optuna_distribution_from_override,
    )

    with warnings.catch_warnings():  # Hydra's sweeper warns later
        warnings.simplefilter("ignore")
        distribution: BaseDistribution = create_optuna_distribution_from_override(
            setting
        )
    return distribution


def check_earlier_values(config: DictConfig, study: "optuna.Study") -> None:
    """Refuses to continue a search if the values of a key have changed too much.

    Optuna compares only trials whose choices are the same: after `model=mmoe,ple`, the
    choices `model=mmoe,esmm` are refused. Trials that are still to be tried, or to be
    tried again, have values that the search must still offer.

    Raises:
        ConfigError: if earlier trials or open trials do not fit the values of a key.
    """
    from optuna.distributions import check_distribution_compatibility
    from optuna.trial import TrialState

    from mtl_cli.sweep.plan import swept_settings
    from mtl_cli.sweep.search_storage import cut_off_trials, queued_values

    trials = study.trials
    own_trials = filter(study._storage.is_own, trials)
    open_trials = [
        *(trial for trial in trials if trial.state == TrialState.WAITING),
        *(trial for trial in own_trials if trial.state == TrialState.RUNNING),
        *filter(study._storage.is_own, cut_off_trials(trials)),
    ]
    for setting in swept_settings(config):
        name, distribution = setting.get_key_element(), distribution_of(setting)
        earlier_distributions = [
            trial.distributions[name] for trial in trials if name in trial.distributions
        ]
        for earlier in earlier_distributions:
            try:
                check_distribution_compatibility(earlier, distribution)
            except ValueError:
                choices = getattr(earlier, "choices", ["a range of another kind"])
                problem = f"earlier trials chose from {comma_list(map(str, choices))}"
                raise changed_values_error(setting, problem) from None
        for trial in open_trials:
            values = queued_values(trial)
            if name in values and not contains(distribution, values[name]):
                problem = f"the search is still to try {shown(values[name])}"
                raise changed_values_error(setting, problem)


def contains(distribution: "BaseDistribution", value: Any) -> bool:
    """Whether a search may try a value of any type."""
    try:
        return bool(distribution._contains(distribution.to_internal_repr(value)))
    except (ValueError, TypeError):
        return False


def changed_values_error(setting: Override, problem: str) -> ConfigError:
    """Returns the error of a key whose values no longer fit the earlier trials."""
    key = without_signs(setting.get_key_element())
    return ConfigError(
        f"{key}: {problem}, but the values are now {setting.get_value_string()}; give "
        "the earlier values again, or begin another search with "
        "hydra.sweeper.study_name=NAME"
    )
