"""Functions that use or change private parts of Hydra, where it has no public ones.

`config_files.py` changes the private parts that read files.
`tests/cli/test_hydra_internals.py` fails if a new version of Hydra changes these parts.
"""

from argparse import ArgumentParser
from collections.abc import Callable
from functools import wraps
from importlib.metadata import version
from typing import Any, Protocol

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.utils import create_config_search_path, get_args_parser
from hydra.plugins.completion_plugin import CompletionPlugin
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


class ComposeFunction(Protocol):
    """A function that composes a configuration in place of Hydra's own function.

    Args:
        loader: Hydra's loader of configurations.
        compose: composes the configuration as Hydra does.
        config_name: the name of the primary configuration, or None.
        settings: the settings of the command line, or of a job of a sweep.

    Returns: the composed configuration.
    """

    def __call__(
        self,
        loader: ConfigLoaderImpl,
        compose: Callable[[], DictConfig],
        config_name: str | None,
        settings: list[str],
    ) -> DictConfig: ...


def replace_composition(replacement: ComposeFunction) -> None:
    """Replaces the function by which Hydra composes every configuration.

    The replacement can check the composed configuration before Hydra acts on it. A
    callback of Hydra would be called too late: Hydra first builds the classes of
    callbacks, whose names are in the configuration. The change is for the whole
    process, because Hydra makes its loaders itself.
    """
    compose: Any = ConfigLoaderImpl._load_configuration_impl
    if hasattr(compose, "__wrapped__"):  # replaced by an earlier call
        return

    @wraps(compose)
    def composed(self: ConfigLoaderImpl, **kwargs: Any) -> DictConfig:
        return replacement(
            loader=self,
            compose=lambda: compose(self, **kwargs),
            config_name=kwargs["config_name"],
            settings=list(kwargs["overrides"]),
        )

    ConfigLoaderImpl._load_configuration_impl = composed  # type: ignore


def compose_without(
    provider: str, folder: str | None, config_name: str | None, settings: list[str]
) -> DictConfig:
    """Composes a configuration without the files of one provider, and without checks.

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
    compose = getattr(compose, "__wrapped__", compose)  # Hydra's own function
    composed: DictConfig = compose(
        loader, config_name=config_name, overrides=settings, run_mode=RunMode.RUN
    )
    return composed


def load_primary(loader: ConfigLoaderImpl, config_name: str) -> Any:
    """Reads the file of the primary configuration alone, without its defaults."""
    loaded = loader.repository.load_config(config_name)
    return None if loaded is None else loaded.config


def wrap_completion(select: Callable[[list[str]], list[str]]) -> None:
    """Makes Hydra's completion of commands offer only some of its words.

    The change is for the whole process.

    Args:
        select: returns the words to offer, of all words that fit the command line.
    """
    query: Any = CompletionPlugin._query
    if hasattr(query, "__wrapped__"):  # wrapped by an earlier call
        return

    @wraps(query)
    def wrapped(self: Any, *args: Any, **kwargs: Any) -> list[str]:
        return select(query(self, *args, **kwargs))

    CompletionPlugin._query = wrapped  # type: ignore
