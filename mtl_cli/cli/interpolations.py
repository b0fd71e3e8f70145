"""Resolves the interpolations of a composed configuration, such as `${seed}`."""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import Container, DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from mtl_cli.core.errors import ConfigError, first_line


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
