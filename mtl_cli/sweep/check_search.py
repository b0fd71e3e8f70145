"""Checks the settings of a search before it starts."""

import warnings

from hydra.errors import HydraException
from omegaconf import DictConfig

from mtl_cli.config.overrides import without_added_prefix
from mtl_cli.core.errors import ConfigError, first_line


def check_search(config: DictConfig) -> None:
    """Refuses a search that has no scores, no trials, or a range without values.

    A search for the worst score is refused too.

    Raises:
        ConfigError: if the search is refused.
    """
    if config.check_only:
        raise ConfigError(
            "check_only: a search needs the scores of trained models; leave check_only "
            "out, or leave the search out to check one configuration"
        )
    if "hydra.sweeper.direction=minimize" in config.hydra.overrides.hydra:
        raise ConfigError(
            "hydra.sweeper.direction: a search takes the best trainer.monitor, and "
            "negates a metric for which less is better; leave the setting out"
        )
    for key in ("n_trials", "n_jobs"):
        if (number := config.hydra.sweeper[key]) < 1:
            raise ConfigError(f"hydra.sweeper.{key}: {number} should be 1 or more")
    check_ranges(config)


def check_ranges(config: DictConfig) -> None:
    """Refuses a range of values that Optuna refuses, such as `range(5,2)`."""
    from hydra_plugins.hydra_optuna_sweeper._impl import (
        create_optuna_distribution_from_override,
    )

    from mtl_cli.sweep.plan import settings_by_key

    try:
        settings = settings_by_key(config)
    except HydraException:  # Hydra's sweeper raises the error later
        return
    for setting in settings:
        try:
            with warnings.catch_warnings():  # Hydra's sweeper warns later
                warnings.simplefilter("ignore")
                create_optuna_distribution_from_override(setting)
        except ValueError as error:
            text = without_added_prefix(setting.input_line or "")
            raise ConfigError(f"cannot search {text}: {first_line(error)}") from None
