"""Restricts which files Hydra reads as configs, and how large they may be.

A config may come from someone else, and its defaults list names other configs. All
configs must lie in the folders of configs, since other YAML files may hold secrets.
`hydra_setup` makes Hydra call the functions here in place of its own methods.
"""

import contextlib
import copy
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hydra._internal.config_repository import ConfigRepository
from hydra.core.object_type import ObjectType
from hydra.plugins.config_source import ConfigResult, ConfigSource
from omegaconf import ListConfig
from omegaconf.errors import OmegaConfBaseException

from mtl_cli.core import plugins
from mtl_cli.core.errors import ConfigError, first_line
from mtl_cli.core.message_text import shown
from mtl_cli.core.other_files import read_text
from mtl_cli.core.paths import conf_folder
from mtl_cli.core.yaml_limits import MAX_YAML_BYTES, check_yaml

USER_CONF = "mtl-user"  # the name of the user's `./conf` in Hydra's search path
ADVICE_ON_FOLDER = "name the file's folder on the command line: --config-dir FOLDER"
# A package that places a config in Hydra's own section.
HYDRA_PACKAGE = re.compile(r"(_global_\.)?hydra(\.|$)")
# {(provider, folder, path and text of a YAML file): the parsed file}
parsed_files: dict[tuple[str, ...], ConfigResult] = {}


def load_confined(
    original: Any, repository: ConfigRepository, config_path: str
) -> ConfigResult | None:
    """Loads a config as Hydra does, but only from the folders of the search path.

    The config may be named on the command line, in a defaults list or in a swept value.
    """
    if config_path.startswith("/") or ".." in config_path.split("/"):
        raise ConfigError(
            f"the config {shown(config_path)} leads out of the folders of configs; "
            f"move the file into such a folder, or {ADVICE_ON_FOLDER}"
        )
    source = repository._find_object_source(config_path, ObjectType.CONFIG)
    if source is None or source.scheme() != "file":
        return original(repository, config_path)  # type: ignore[no-any-return]
    file = Path(source.path) / source._normalize_file_name(config_path)
    check_link(source, file, repository.sources)
    loaded: ConfigResult | None = original(repository, config_path)
    for default in (loaded and loaded.defaults_list) or []:
        if HYDRA_PACKAGE.match(default.package or ""):
            raise ConfigError(
                f"{file}: the defaults list places a config in {default.package}; "
                "remove the entry, or write the keys of hydra into this file"
            )
    return loaded


def check_link(source: ConfigSource, file: Path, sources: list[ConfigSource]) -> None:
    """Refuses a config that is a link to a file outside of the folders of configs.

    The file lies in the folder `source`; `sources` are all folders of configs.
    """
    # These folders are trusted. An installer may have made links of their files.
    if Path(source.path) in (conf_folder(), *plugins.conf_folders()):
        return
    roots = [real_folder(s) for s in sources if s.scheme() == "file"]
    if not any(file.resolve().is_relative_to(root) for root in roots):
        raise ConfigError(
            f"{file} is a link to a file outside of the folders of configs; copy the "
            f"file, or {ADVICE_ON_FOLDER}"
        )


def real_folder(source: ConfigSource) -> Path:
    """Returns the path of a folder of configs with its links followed.

    A folder that the user types on the command line may be a link to any place. The
    user does not type `./conf`, so a link in place of `./conf` is not followed.
    """
    folder = Path(source.path)
    if source.provider == USER_CONF:
        return folder.parent.resolve() / folder.name
    return folder.resolve()


def load_bounded(original: Any, source: Any, config_path: str) -> ConfigResult:
    """Loads a YAML file as Hydra does, but refuses a file too large or too deep.

    A file is parsed again only if its text has changed. Hydra composes several
    configurations for one command, and would spend a quarter of the time on parsing.
    """
    file = source._normalize_file_name(config_path)
    path = os.path.realpath(os.path.join(source.path, file))
    if not os.path.isfile(path):
        return original(source, config_path)  # type: ignore[no-any-return]
    with name_file_in_errors(path):
        text = read_text(Path(path), MAX_YAML_BYTES)
    key = (source.provider, source.path, path, text)
    if key not in parsed_files:
        check_yaml(text, path)
        with name_file_in_errors(path):
            loaded = original(source, config_path)
        if isinstance(loaded.config, ListConfig):
            raise ConfigError(
                f"{path} holds a list; expected keys with values; write KEY: VALUE"
            )
        parsed_files[key] = loaded
    return copy.deepcopy(parsed_files[key])  # Hydra changes the loaded config


def list_bounded(
    original: Any, source: Any, config_path: str, results_filter: ObjectType | None
) -> list[str]:
    """Lists names as Hydra does, but no groups below a link, and no unprintable names.

    A link in a folder of configs may lead to the whole disk, or back to the folder, so
    that `--help` would list groups for ever. The options of a linked group are still
    listed. `--help` prints the names as they are; control characters in the name of a
    file would be commands to the terminal.
    """
    folder = os.path.join(os.path.realpath(source.path), config_path)
    is_below_link = os.path.realpath(folder) != os.path.normpath(folder)
    if is_below_link and results_filter == ObjectType.GROUP:
        return []
    with name_file_in_errors(folder):
        names: list[str] = original(source, config_path, results_filter)
    return [name for name in names if name.isprintable()]


@contextlib.contextmanager
def name_file_in_errors(path: str) -> Iterator[None]:
    """Turns errors of reading a file or a folder into errors that name its path."""
    try:
        yield
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read: {error.strerror}; make it readable, or remove it"
        ) from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not UTF-8; save the file as UTF-8") from None
    except OmegaConfBaseException as error:
        raise ConfigError(f"{path}: {first_line(error)}") from None
