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
    """Returns Hydra's parser of flags and settings; it raises errors as exceptions.

    `mtl-train` has to read the flags before Hydra does. For a wrong flag, Hydra itself
    would print all of its help.
    """
    parser = get_args_parser()
    parser.exit_on_error = False
    return parser


def wrap_composition(
    wrapper: Callable[[Callable[..., DictConfig], list[str]], DictConfig],
) -> None:
    """Lets a function see every configuration before Hydra acts on it.

    Hydra's callbacks come too late: the configuration names them, and Hydra has then
    already built the classes that the configuration names.

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
