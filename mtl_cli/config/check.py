"""Checks the configuration of a run, or of a sweep's job, before any data are read."""

import math
import os
from collections.abc import Sequence
from typing import Any

from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig, OmegaConf, open_dict, read_write
from omegaconf.errors import OmegaConfBaseException
from pydantic import ValidationError
from pydantic_core import PydanticSerializationError

from mtl_cli.config.interpolations import hydra_interpolations, resolution_error
from mtl_cli.config.run_config import Config
from mtl_cli.config.validation_errors import explain
from mtl_cli.core.errors import ConfigError, MtlError, first_line
from mtl_cli.core.nested import flatten
from mtl_cli.core.plugin_code import chosen_plugins, plugin_line
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
        values = saved_values(config)
        Config.read_saved(values)
        config.tracker.check_installed()
        config.tracker.check_secrets()
    except ValidationError as error:
        raise ConfigError(explain(error, values)) from None
    except MtlError:
        raise
    except Exception as error:
        if not (hint := plugin_line(error) or chosen_plugins(values)):
            raise
        message = f"{type(error).__name__}: {first_line(error)}{hint}"
        raise ConfigError(message) from error
    if config.ensemble:
        raise ConfigError(
            "ensemble: an ensemble is not trained; train single runs with "
            "-m seed=1,2,3, and average the runs with mtl-compare SWEEP --ensemble"
        )
    return config


def saved_values(config: Config) -> dict[str, Any]:
    """Returns the values that the run saves with its model.

    Only a key of a plugin can have a value that JSON cannot hold. Without this check,
    the run would fail after its training.
    """
    try:
        values = config.model_dump(mode="json")
    except PydanticSerializationError as error:
        raise ConfigError(
            f"the configuration cannot be saved: {first_line(error)}; change the type "
            "or the default of the plugin's key"
        ) from None
    for key, value in flatten(values).items():
        if isinstance(value, float) and not math.isfinite(value):
            raise ConfigError(f"{key}: {value} cannot be saved; give a finite number")
    return values


def compose_job(sweep: DictConfig, settings: Sequence[str], number: int) -> DictConfig:
    """Composes the configuration of a job; `number` is `${hydra:job.num}`."""
    loader = GlobalHydra.instance().config_loader()
    composed = loader.load_sweep_config(sweep, list(settings))
    with read_write(composed), open_dict(composed):
        composed.hydra.job.num = composed.hydra.job.id = number
        composed.hydra.runtime.output_dir = os.path.abspath(sweep.hydra.sweep.dir)
    return composed


def check_job(composed: DictConfig) -> Config:
    """Checks a configuration of `compose_job`, and removes its section `hydra`.

    After an `UnresolvedError`, the interpolation may have a value when the job starts.
    """
    with hydra_interpolations(composed), read_write(composed), open_dict(composed):
        del composed["hydra"]
        return check(composed)
