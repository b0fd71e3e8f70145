"""Resolves the interpolations of a composed configuration, such as `${seed}`."""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import Container, DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from mtl_cli.core.errors import ConfigError, first_line


class UnresolvedError(ConfigError):
    """An interpolation of the configuration cannot be resolved."""


def resolution_error(error: OmegaConfBaseException, key: str = "") -> ConfigError:
    """Returns the error for a value; `key` is used if OmegaConf names none."""
    key = error.full_key or key
    if isinstance(error, MissingMandatoryValue):  # the value `???`
        return ConfigError(f"{key}: the value is missing; set {key}=VALUE")
    return UnresolvedError(f"{key}: {first_line(error)}")


def resolved(composed: DictConfig, key: str) -> Any:
    """Returns the value of a dotted key, without interpolations or OmegaConf's types.

    Returns None if the configuration lacks the key.
    """
    try:
        value = OmegaConf.select(composed, key, throw_on_missing=True)
        if isinstance(value, Container):
            return OmegaConf.to_container(value, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        raise resolution_error(error, key) from None
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
