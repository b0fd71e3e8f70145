"""The private parts of Hydra that this project relies on.

No public function does the same. `tests/cli/test_hydra_internals.py` fails if one of
these parts changes.
"""

from argparse import ArgumentParser
from collections.abc import Callable
from functools import wraps
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.utils import get_args_parser
from omegaconf import DictConfig


def argument_parser() -> ArgumentParser:
    """Returns Hydra's parser of flags and settings, whose errors are exceptions.

    The flags have to be known before Hydra reads them, and Hydra prints its whole help
    for a wrong flag.
    """
    parser = get_args_parser()
    parser.exit_on_error = False
    return parser


def wrap_composition(
    wrapper: Callable[[Callable[..., DictConfig], list[str]], DictConfig],
) -> None:
    """Lets a function see every configuration before Hydra acts on it.

    Hydra's callbacks come too late for that: they are named by the configuration, and
    Hydra has then already built the classes that it names.

    Args:
        wrapper: takes a function that composes, and the settings to compose; returns
            the configuration.
    """
    compose: Any = ConfigLoaderImpl._load_configuration_impl
    if hasattr(compose, "__wrapped__"):
        return

    @wraps(compose)
    def wrapped(*args: Any, **kwargs: Any) -> DictConfig:
        return wrapper(lambda: compose(*args, **kwargs), kwargs["overrides"])

    ConfigLoaderImpl._load_configuration_impl = wrapped  # type: ignore[method-assign]
