"""Restricts which files Hydra reads as configs, and how large they may be.

A config may come from someone else, and its defaults list names other configs. All of
them must lie in the folders of configs: other YAML files of the disk may hold secrets.
The functions change private parts of Hydra, for the whole process.
`tests/cli/test_hydra_internals.py` fails if a new version of Hydra changes these parts.
"""

import contextlib
import copy
import os
import re
from collections.abc import Iterator
from functools import wraps
from pathlib import Path
from typing import Any

from hydra._internal.config_repository import ConfigRepository
from hydra._internal.sources_registry import SourcesRegistry
from hydra.core.object_type import ObjectType
from hydra.core.plugins import Plugins
from hydra.plugins.config_source import ConfigResult, ConfigSource
from omegaconf import ListConfig
from omegaconf.errors import OmegaConfBaseException

from mtl_cli.core import plugins
from mtl_cli.core.errors import ConfigError, first_line, shown
from mtl_cli.core.other_files import read_text
from mtl_cli.core.paths import conf_folder
from mtl_cli.core.yaml_limits import MAX_YAML_BYTES, check_yaml

USER_FILES = "mtl-user"  # the provider of the user's `./conf` in the search path
OTHER_FOLDER = "name its folder on the command line: --config-dir FOLDER"
# A package that places a config in Hydra's own section.
HYDRA_PACKAGE = re.compile(r"(_global_\.)?hydra(\.|$)")


def restrict_files() -> None:
    """Makes Hydra refuse configs outside of its search path, and too large configs."""
    bound_yaml_files()
    confine_to_search_path()


def confine_to_search_path() -> None:
    """Makes Hydra read configs only from the folders of its search path.

    The rule holds for a config that the command line, a defaults list or a swept value
    names.
    """
    load: Any = ConfigRepository.load_config
    if hasattr(load, "__wrapped__"):  # wrapped by an earlier call
        return

    @wraps(load)
    def confined(self: ConfigRepository, config_path: str) -> ConfigResult | None:
        if config_path.startswith("/") or ".." in config_path.split("/"):
            raise ConfigError(
                f"the config {shown(config_path)} leads out of the folders of configs; "
                f"move the file into one of them, or {OTHER_FOLDER}"
            )
        source = self._find_object_source(config_path, ObjectType.CONFIG)
        if source is not None and source.scheme() == "file":
            check_link(source, config_path, self.sources)
        loaded: ConfigResult | None = load(self, config_path)
        if loaded is not None and source is not None and source.scheme() == "file":
            file = source._normalize_file_name(config_path)
            check_packages(loaded, f"{source.path}/{file}")
        return loaded

    ConfigRepository.load_config = confined  # type: ignore


def check_link(
    source: ConfigSource, config_path: str, sources: list[ConfigSource]
) -> None:
    """Refuses a config that is a link to a file outside of the folders of configs.

    Args:
        source: the folder of configs that holds the config.
        config_path: the path of the config in this folder, without its suffix.
        sources: all folders of configs.
    """
    # These folders are trusted. An installer may have made links of their files.
    if Path(source.path) in (conf_folder(), *plugins.conf_folders()):
        return
    file = Path(source.path) / source._normalize_file_name(config_path)
    roots = [real_folder(s) for s in sources if s.scheme() == "file"]
    if not any(file.resolve().is_relative_to(root) for root in roots):
        raise ConfigError(
            f"{file} is a link to a file outside of the folders of configs; copy the "
            f"file, or {OTHER_FOLDER}"
        )


def real_folder(source: ConfigSource) -> Path:
    """Returns the path of a folder of configs with its links followed.

    A folder on the command line may be a link. The user does not type `./conf`, so if
    `./conf` is itself a link, this link is not followed.
    """
    folder = Path(source.path)
    if source.provider == USER_FILES:
        return folder.parent.resolve() / folder.name
    return folder.resolve()


def check_packages(loaded: ConfigResult, name: str) -> None:
    """Refuses a defaults list that places another config in Hydra's own section.

    Args:
        loaded: the config that holds the list.
        name: the name of the config's file, for the message.
    """
    for default in loaded.defaults_list or []:
        if HYDRA_PACKAGE.match(default.package or ""):
            raise ConfigError(
                f"{name}: the defaults list places a config in {default.package}; "
                "remove the entry, or write the keys of hydra into this file"
            )


def bound_yaml_files() -> None:
    """Restricts how Hydra reads and lists YAML files.

    The class that reads files is changed in place. A subclass cannot replace it: child
    processes of some launchers register Hydra's classes again, and refuse a class with
    another name.
    """
    # The first call of `instance` imports Hydra's classes again and registers them.
    Plugins.instance()
    source: Any = SourcesRegistry.instance().types["file"]
    if not hasattr(source.load_config, "__wrapped__"):  # not wrapped by an earlier call
        bound_loading(source)
        bound_listing(source)


def bound_loading(source: Any) -> None:
    """Makes Hydra refuse YAML files that are too large or too deep to be read safely.

    Hydra also parses a file only once, unless its text changes. Hydra composes several
    configurations for one command, and parsing YAML takes a quarter of that time.

    Args:
        source: Hydra's class that reads files.
    """
    load = source.load_config
    parsed: dict[tuple[str, ...], ConfigResult] = {}

    @wraps(load)
    def bounded(self: Any, config_path: str) -> ConfigResult:
        file = self._normalize_file_name(config_path)
        path = os.path.realpath(os.path.join(self.path, file))
        if not os.path.isfile(path):
            return load(self, config_path)  # type: ignore[no-any-return]
        with named_file_errors(path):
            text = read_text(Path(path), MAX_YAML_BYTES)
        key = (self.provider, self.path, path, text)
        if key not in parsed:
            check_yaml(text, path)
            with named_file_errors(path):
                loaded = load(self, config_path)
            if isinstance(loaded.config, ListConfig):
                raise ConfigError(f"{path} holds a list; expected keys with values")
            parsed[key] = loaded
        return copy.deepcopy(parsed[key])  # Hydra changes what is loaded

    source.load_config = bounded


def bound_listing(source: Any) -> None:
    """Makes Hydra list no groups below a link.

    A link in a folder of configs may lead to the whole disk, or back to the folder, so
    that `--help` would list groups for ever. The options of a linked group are still
    listed.

    Args:
        source: Hydra's class that reads files.
    """
    list_names = source.list

    @wraps(list_names)
    def bounded(
        self: Any, config_path: str, results_filter: ObjectType | None
    ) -> list[str]:
        folder = os.path.join(os.path.realpath(self.path), config_path)
        is_below_link = os.path.realpath(folder) != os.path.normpath(folder)
        if is_below_link and results_filter == ObjectType.GROUP:
            return []
        with named_file_errors(folder):
            return list_names(self, config_path, results_filter)  # type: ignore[no-any-return]

    source.list = bounded


@contextlib.contextmanager
def named_file_errors(path: str) -> Iterator[None]:
    """Turns errors of reading a file or a folder into errors that name its path."""
    try:
        yield
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read: {error.strerror}; mend that, or remove it"
        ) from None
    except (UnicodeDecodeError, OmegaConfBaseException) as error:
        raise ConfigError(f"{path}: {first_line(error)}") from None
