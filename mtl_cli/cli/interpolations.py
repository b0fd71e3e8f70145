"""Resolves the interpolations of a composed configuration."""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import Container, DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from mtl_cli.core.errors import ConfigError, first_line


def resolved(composed: DictConfig, key: str) -> Any:
    """Returns the value of a key as plain values, with its interpolations resolved."""
    try:
        value = OmegaConf.select(composed, key)
        if isinstance(value, Container):
            return OmegaConf.to_container(value, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        raise ConfigError(f"{key}: {first_line(error)}") from None
    return value


@contextmanager
def hydra_interpolations(composed: DictConfig) -> Iterator[None]:
    """Lets `${hydra:...}` be resolved inside the block."""
    instance = HydraConfig.instance()
    before = instance.cfg
    instance.set_config(deepcopy(composed))  # it makes its argument read-only
    try:
        yield
    finally:
        instance.cfg = before
