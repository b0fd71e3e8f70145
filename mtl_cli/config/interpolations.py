"""Resolves the interpolations of a composed configuration, such as `${seed}`."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import Container, DictConfig, OmegaConf, open_dict, read_write
from omegaconf.errors import OmegaConfBaseException

from mtl_cli.core.errors import ConfigError, first_line

if TYPE_CHECKING:
    from mtl_cli.config.run_config import Config


def resolved(composed: DictConfig, key: str) -> Any:
    """Returns the value of a key with its interpolations resolved.

    Sections and lists of OmegaConf become dicts and lists.

    Raises:
        ConfigError: if an interpolation cannot be resolved, or a value is missing.
    """
    try:
        value = OmegaConf.select(composed, key)
        if isinstance(value, Container):
            return OmegaConf.to_container(value, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        raise ConfigError(f"{key}: {first_line(error)}") from None
    return value


@contextmanager
def hydra_interpolations(composed: DictConfig) -> Iterator[None]:
    """Makes `${hydra:...}` refer to a composed configuration inside the block."""
    instance = HydraConfig.instance()
    previous = instance.cfg
    instance.set_config(deepcopy(composed))  # `set_config` makes it read-only
    try:
        yield
    finally:
        instance.cfg = previous


def compose_job(sweep: DictConfig, settings: Sequence[str], number: int) -> DictConfig:
    """Composes the configuration of a sweep's job, before the job starts.

    Args:
        sweep: the configuration of the sweep.
        settings: the settings of the job.
        number: the value of `${hydra:job.num}`.

    Raises:
        Exception: Hydra's error, or `ConfigError`, if a setting is wrong.
    """
    loader = GlobalHydra.instance().config_loader()
    composed = loader.load_sweep_config(sweep, list(settings))
    with read_write(composed), open_dict(composed):
        composed.hydra.job.num = composed.hydra.job.id = number
        composed.hydra.runtime.output_dir = os.path.abspath(sweep.hydra.sweep.dir)
    return composed


def check_job(composed: DictConfig) -> "Config":
    """Checks a configuration of `compose_job`, and removes its section `hydra`.

    Raises:
        ConfigError: if the configuration is wrong. The error is an `UnresolvedError` if
            an interpolation has no value; it may have one when the job starts.
    """
    from mtl_cli.config.check import check

    with hydra_interpolations(composed), read_write(composed), open_dict(composed):
        del composed["hydra"]
        return check(composed)
