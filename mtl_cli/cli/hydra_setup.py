"""Prepares Hydra for `mtl-train`: errors, search path, restrictions, completion."""

import contextlib
import io
import os
import re
import warnings
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.plugins import Plugins
from hydra.plugins.completion_plugin import CompletionPlugin
from hydra.plugins.search_path_plugin import SearchPathPlugin
from hydra.plugins.sweeper import Sweeper

from mtl_cli.cli.check_jobs import check_jobs
from mtl_cli.cli.config_files import USER_CONF, restrict_files
from mtl_cli.cli.config_guard import compose_checked
from mtl_cli.cli.hydra_internals import share_config_store, wrap_method
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
