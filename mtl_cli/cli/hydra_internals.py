"""The private parts of Hydra that this project relies on.

No public function does the same. `tests/cli/test_hydra_internals.py` fails if one of
these parts changes.
"""

import os
from argparse import ArgumentParser
from collections.abc import Callable
from functools import wraps
from importlib.metadata import version
from pathlib import Path
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.sources_registry import SourcesRegistry
from hydra._internal.utils import create_config_search_path, get_args_parser
from hydra.core.plugins import Plugins
from hydra.plugins.config_source import ConfigResult
from hydra.types import RunMode
from omegaconf import DictConfig

from mtl_cli.core.other_files import MAX_YAML_BYTES, check_yaml, read_text

# Takes the loader, a function that composes, the name of the primary configuration and
# the settings; returns the composed configuration.
Wrapper = Callable[
    [ConfigLoaderImpl, Callable[[], DictConfig], str | None, list[str]], DictConfig
]


def argument_parser() -> ArgumentParser:
    """Returns Hydra's parser of flags and settings; it raises errors as exceptions.

    `mtl-train` has to read the flags before Hydra does. For a wrong flag, Hydra itself
    would print all of its help. `--version` says the version of mtl-cli, not of Hydra.
    """
    parser = get_args_parser()
    parser.exit_on_error = False
    for action in parser._actions:
        if "--version" in action.option_strings:
            action.version = f"mtl-cli {version('mtl-cli')}"  # type: ignore[attr-defined]
    return parser


def wrap_composition(wrapper: Wrapper) -> None:
    """Lets a function see every configuration before Hydra acts on it.

    Hydra's callbacks come too late: the configuration names them, and Hydra has then
    already built the classes that the configuration names.
    """
    compose: Any = ConfigLoaderImpl._load_configuration_impl
    if hasattr(compose, "__wrapped__"):
        return

    @wraps(compose)
    def wrapped(self: ConfigLoaderImpl, **kwargs: Any) -> DictConfig:
        return wrapper(
            self,
            lambda: compose(self, **kwargs),
            kwargs["config_name"],
            kwargs["overrides"],
        )

    ConfigLoaderImpl._load_configuration_impl = wrapped  # type: ignore


def compose_without(
    provider: str, folder: str | None, config_name: str | None, settings: list[str]
) -> DictConfig:
    """Composes a configuration without the files of one provider.

    Args:
        provider: the name under which a plugin has added folders to the search path.
        folder: the folder of the primary configuration; None for no such folder.
        config_name: the name of the primary configuration, or None.
        settings: settings of the command line.
    """
    search_path = create_config_search_path(folder)
    entries = search_path.get_path()
    entries[:] = [entry for entry in entries if entry.provider != provider]
    loader = ConfigLoaderImpl(search_path)
    compose: Any = ConfigLoaderImpl._load_configuration_impl
    compose = getattr(compose, "__wrapped__", compose)
    composed: DictConfig = compose(
        loader, config_name=config_name, overrides=settings, run_mode=RunMode.RUN
    )
    return composed


def own_part_of_primary(loader: ConfigLoaderImpl, config_name: str) -> Any:
    """Returns the values of the primary configuration's file, before composition."""
    loaded = loader.repository.load_config(config_name)
    return None if loaded is None else loaded.config


def bound_yaml_files() -> None:
    """Makes Hydra read YAML files within the limits on other people's files.

    The class that Hydra has registered is changed in place. A process of another
    launcher registers Hydra's classes again, and refuses a class of another name.
    """
    Plugins.instance()  # registers the classes, after it has imported them anew
    source = SourcesRegistry.instance().types["file"]
    load: Any = source.load_config
    if hasattr(load, "__wrapped__"):
        return

    @wraps(load)
    def bounded(self: Any, config_path: str) -> ConfigResult:
        file = self._normalize_file_name(config_path)
        path = os.path.realpath(os.path.join(self.path, file))
        if os.path.isfile(path):
            check_yaml(read_text(Path(path), MAX_YAML_BYTES), path)
        result: ConfigResult = load(self, config_path)
        return result

    source.load_config = bounded  # type: ignore
