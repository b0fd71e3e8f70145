"""Functions that use or change private parts of Hydra, where it has no public ones.

`config_files.py` and `hydra_setup.py` replace private methods by `wrap_method`.
`tests/cli/test_hydra_internals.py` fails if a new version of Hydra changes these parts.
"""

from argparse import ArgumentParser
from collections.abc import Callable
from functools import wraps
from importlib.metadata import version
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.utils import create_config_search_path, get_args_parser
from hydra.core.config_store import ConfigStore
from hydra.types import RunMode
from omegaconf import DictConfig


def argument_parser() -> ArgumentParser:
    """Returns Hydra's parser of flags and settings, changed in two ways.

    The parser raises an exception for a wrong flag; Hydra's own parser would print all
    of its help and exit. `--version` prints the version of mtl-cli, not of Hydra.
    """
    parser = get_args_parser()
    parser.exit_on_error = False
    for action in parser._actions:
        if "--version" in action.option_strings:
            action.version = f"mtl-cli {version('mtl-cli')}"  # type: ignore[attr-defined]
    return parser


def wrap_method(owner: type, name: str, wrapper: Callable[..., Any]) -> None:
    """Makes a class of Hydra call `wrapper(original, self, ...)` in place of a method.

    `original` is the replaced method. A second call for the same method has no effect.
    """
    original = getattr(owner, name)
    if hasattr(original, "__wrapped__"):
        return

    @wraps(original)
    def wrapped(self: Any, *args: Any, **kwargs: Any) -> Any:
        return wrapper(original, self, *args, **kwargs)

    setattr(owner, name, wrapped)


def share_config_store() -> None:
    """Makes copies of Hydra's list of sources share the store of Hydra's own configs.

    Hydra copies the list for each config group, and the store with it. With all
    launchers and sweepers installed, this took half of the time of `--help`. The store
    needs no copy, because it copies each config that it returns.
    """
    ConfigStore.__deepcopy__ = lambda store, _: store  # type: ignore[attr-defined]


def compose_without(
    provider: str, folder: str | None, config_name: str | None, settings: list[str]
) -> DictConfig:
    """Composes a configuration without the files of one provider, and without checks.

    `folder` and `config_name` belong to the primary configuration, if there is one.
    """
    search_path = create_config_search_path(folder)
    entries = search_path.get_path()
    entries[:] = [entry for entry in entries if entry.provider != provider]
    compose: Any = ConfigLoaderImpl._load_configuration_impl
    compose = getattr(compose, "__wrapped__", compose)  # Hydra's own method
    composed: DictConfig = compose(
        ConfigLoaderImpl(search_path),
        config_name=config_name,
        overrides=settings,
        run_mode=RunMode.RUN,
    )
    return composed
