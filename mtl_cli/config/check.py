"""Checks a composed configuration before a run reads data or loads TensorFlow."""

from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import ValidationError

from mtl_cli.config.interpolations import resolution_error
from mtl_cli.config.run_config import Config
from mtl_cli.config.validation_errors import explain
from mtl_cli.core.errors import ConfigError
from mtl_cli.core.yaml_limits import limited_reading


def check(composed: DictConfig) -> Config:
    """Validates a configuration.

    Raises a `ConfigError`; an `UnresolvedError` if an interpolation cannot be resolved.
    """
    try:
        with limited_reading():
            values: Any = OmegaConf.to_container(
                composed, resolve=True, throw_on_missing=True
            )
    except OmegaConfBaseException as error:
        raise resolution_error(error) from None
    try:
        config = Config.model_validate(values)
    except ValidationError as error:
        raise ConfigError(explain(error, values)) from None
    if config.ensemble:
        raise ConfigError(
            "ensemble: an ensemble is not trained; train single runs with "
            "-m seed=1,2,3, and average the runs with mtl-compare SWEEP --ensemble"
        )
    config.tracker.check_installed()
    config.tracker.check_secrets()
    return config
