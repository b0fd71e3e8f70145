"""Prepares Hydra for `mtl-train`: its errors, its search path and its restrictions."""

import os
import warnings

from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.plugins import Plugins
from hydra.plugins.search_path_plugin import SearchPathPlugin

from mtl_cli.cli.completion_guard import offer_plain_words_only
from mtl_cli.cli.config_files import USER_FILES
from mtl_cli.cli.config_guard import refuse_foreign_code
from mtl_cli.core.paths import user_conf_folder
from mtl_cli.core.plugins import conf_folders


def prepare_hydra() -> None:
    """Prepares Hydra in this process."""
    # Makes Hydra raise its errors instead of printing them and exiting.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    # A file may replace one of Hydra's own options by taking its name, so the warning
    # of Hydra about such a file is dropped.
    warnings.filterwarnings(
        "ignore", message=r"\s*'hydra/.*is validated against ConfigStore"
    )
    Plugins.instance().register(ConfigFolders)
    refuse_foreign_code()
    offer_plain_words_only()


class ConfigFolders(SearchPathPlugin):
    """Adds folders of configs to Hydra's search path.

    Hydra looks for a config in the user's `./conf`, then in the configs of mtl-cli, and
    then in the folders of plugins.
    """

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        folder = user_conf_folder()
        if folder is not None:
            search_path.prepend(USER_FILES, f"file://{folder}", anchor="main")
        for folder in conf_folders():
            search_path.append("mtl-plugin", f"file://{folder}")
