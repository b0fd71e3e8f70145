"""Checks the settings of a search before it starts."""

import warnings
from enum import Enum
from typing import TYPE_CHECKING

from hydra.core.override_parser.types import Override
from omegaconf import DictConfig

from mtl_cli.config.overrides import without_added_prefix, without_signs
from mtl_cli.core.errors import ConfigError, first_line

if TYPE_CHECKING:
    import optuna
    from optuna.distributions import BaseDistribution


def check_search(config: DictConfig) -> None:
    """Refuses a search that could not work, before it starts.

    Such a search trains no models, has fewer than one trial, looks for the worst score
    or for several metrics, or has values that Optuna refuses, such as `range(5,2)`.
    """
    from mtl_cli.sweep.grid_search import grid_values, uses_grid_sampler
    from mtl_cli.sweep.plan import MAX_JOBS, number_of_combinations, swept_settings

    if config.check_only:
        raise ConfigError(
            "check_only: a search needs the scores of trained models; leave check_only "
            "out, or leave the search out to check one configuration"
        )
    direction = config.hydra.sweeper.direction
    # The plugin's default is a member of an `Enum`, a user's setting is a text.
    if direction != "maximize" and not isinstance(direction, Enum):
        raise ConfigError(
            "hydra.sweeper.direction: a search takes the best trainer.monitor, also of "
            "a metric for which less is better; leave the setting out"
        )
    for key in ("n_trials", "n_jobs"):
        if (number := config.hydra.sweeper[key]) < 1:
            raise ConfigError(f"hydra.sweeper.{key}: {number} should be 1 or more")
    settings = swept_settings(config)
    is_grid = uses_grid_sampler(config)
    if is_grid and number_of_combinations(settings) > MAX_JOBS:
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
        try:
            for trial in trials:
                if earlier := trial.distributions.get(name):
                    check_distribution_compatibility(earlier, distribution)
            for trial in open_trials:
                values = queued_values(trial)
                if name in values and not distribution._contains(
                    distribution.to_internal_repr(values[name])
                ):
                    raise ValueError
        except (ValueError, TypeError):
            raise ConfigError(
                f"{without_signs(name)}: earlier trials of the search do not fit the "
                f"values {setting.get_value_string()}; give the earlier values again, "
                "or begin another search with hydra.sweeper.study_name=NAME"
            ) from None
