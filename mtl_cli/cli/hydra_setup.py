"""Prepares Hydra for `mtl-train`: errors, search path, restrictions, completion.

Some private methods of Hydra are replaced, where it has no public ones to change.
`tests/cli/test_hydra_internals.py` fails if a new version changes these methods.
"""

import contextlib
import io
import os
import re
import warnings
from collections.abc import Callable
from functools import wraps
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import ConfigRepository
from hydra._internal.sources_registry import SourcesRegistry
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from hydra.plugins.completion_plugin import CompletionPlugin
from hydra.plugins.search_path_plugin import SearchPathPlugin
from hydra.plugins.sweeper import Sweeper

from mtl_cli.cli.check_jobs import check_jobs
from mtl_cli.cli.config_files import (
    USER_CONF,
    list_bounded,
    load_bounded,
    load_confined,
)
from mtl_cli.cli.config_guard import compose_checked
from mtl_cli.core.paths import user_conf_folder
from mtl_cli.core.plugins import conf_folders
from mtl_cli.core.secrets import mask_secrets

# A word of these characters is plain text to every shell.
PLAIN_WORD = re.compile(r"[\w.,:/+@=%~-]+")


def prepare_hydra() -> None:
    # Makes Hydra raise its errors instead of printing them and exiting.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    # A user's file may replace one of Hydra's own options by taking the option's name.
    # Hydra's warning about such a file is dropped.
    warnings.filterwarnings(
        "ignore", message=r"\s*'hydra/.*is validated against ConfigStore"
    )
    Plugins.instance().register(ConfigFolders)
    restrict_files()
    share_config_store()
    wrap_method(ConfigLoaderImpl, "_load_configuration_impl", compose_checked)
    wrap_method(Sweeper, "validate_batch_is_legal", check_jobs)
    wrap_method(CompletionPlugin, "_query", safe_completions)


def restrict_files() -> None:
    """Makes Hydra read and list only allowed configs, see `config_files`."""
    # The first call of `instance` registers Hydra's classes anew. A later first call
    # would undo the changes below.
    Plugins.instance()
    # Methods of Hydra's own class are replaced. A subclass cannot be registered in its
    # place: child processes of some launchers register Hydra's class again, and Hydra
    # then refuses to have two classes of different names for files.
    source = SourcesRegistry.instance().types["file"]
    wrap_method(source, "load_config", load_bounded)
    wrap_method(source, "list", list_bounded)
    wrap_method(ConfigRepository, "load_config", load_confined)


def share_config_store() -> None:
    """Makes copies of Hydra's list of sources share the store of Hydra's own configs.

    Hydra copies the list and the store for each config group. If all launchers and
    sweepers are installed, these copies take half of the time of `--help`. The store
    needs no copy, because it copies each config that it returns.
    """
    ConfigStore.__deepcopy__ = lambda store, _: store  # type: ignore[attr-defined]


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


def safe_completions(
    original: Any, plugin: CompletionPlugin, *, line: str, **arguments: Any
) -> list[str]:
    """Returns the words that Hydra offers for completion and that are safe.

    Bash expands the words that a completion offers. If a folder of configurations,
    perhaps from someone else, holds a file `$(COMMAND).yaml`, this name would run the
    command when the user presses the Tab key.
    """
    offered: list[str] = []
    # Hydra prints its help and ends the process if it does not know a flag of the line.
    with contextlib.suppress(SystemExit), contextlib.redirect_stderr(io.StringIO()):
        offered = original(plugin, line=line, **arguments)
    return list(filter(is_safe, offered))


def is_safe(word: str) -> bool:
    """Whether a word is plain text to every shell, and shows no secret."""
    return bool(PLAIN_WORD.fullmatch(word)) and mask_secrets(word) == word


class ConfigFolders(SearchPathPlugin):
    """Adds the user's `./conf` and the folders of plugins to Hydra's search path.

    Hydra looks for a config in `./conf`, then in the configs of mtl-cli, and then in
    the folders of plugins. The configs of mtl-cli are in the path already: Hydra calls
    the folder of the primary configuration `main`.
    """

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        folder = user_conf_folder()
        if folder is not None:
            search_path.prepend(USER_CONF, f"file://{folder}", anchor="main")
        for folder in conf_folders():
            search_path.append("mtl-plugin", f"file://{folder}")
