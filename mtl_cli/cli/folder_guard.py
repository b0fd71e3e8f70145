"""Checks the folders in which a configuration wants to write a run or a sweep."""

import os
import re
from pathlib import Path

from omegaconf import DictConfig

from mtl_cli.cli.interpolations import resolved
from mtl_cli.core.errors import ConfigError, shown
from mtl_cli.core.secrets import secret_in


def check_folders(composed: DictConfig, hydra_settings: list[str]) -> None:
    """Refuses a folder outside the current folder, unless the command line names it.

    A folder on the command line is trusted. The values that its interpolations insert
    are not trusted, because they may come from a file. The settings are those of the
    command line that concern Hydra's section.

    Raises:
        ConfigError: if a folder is not allowed, could be read as an interpolation or
            as part of a URL, or would show a secret.
    """
    for key in ("hydra.run.dir", "hydra.sweep.dir"):
        folder = str(resolved(composed, key))
        if "\0" in folder:
            raise ConfigError(f"{key}: {shown(folder)} holds a NUL; take plain names")
        # A user who removes a folder `~` by a shell would remove the home folder.
        if folder.startswith("~"):
            raise ConfigError(
                f"{key}: {shown(folder)} begins with '~', which only a shell replaces; "
                "write the whole path"
            )
        # Hydra stores the resolved path in the configuration, and resolves it again.
        if "${" in os.path.abspath(folder):
            raise ConfigError(
                f"{key}: the path {shown(os.path.abspath(folder))} holds '${{', which "
                "Hydra would resolve again; take plain names"
            )
        parent = allowed_parent(key, hydra_settings)
        if parent is not None and parent not in Path(folder).resolve().parents:
            raise ConfigError(
                f"{key}: {shown(folder)} leads out of {parent}; take plain names, or "
                f"give the folder on the command line: {key}=FOLDER"
            )
        # The folder's name becomes part of the URL of Optuna's database.
        if parent is not None and re.search(r"[?%#]|file:", folder):
            raise ConfigError(
                f"{key}: {shown(folder)} holds a character of URLs; take letters, "
                "digits, '_', '-', '.', '=' and ','"
            )
        if secret := secret_in(folder):
            raise ConfigError(
                f"{key}: the folder's name would show the value of {secret}; give the "
                "data set another name"
            )


def allowed_parent(key: str, hydra_settings: list[str]) -> Path | None:
    """Returns the folder that a run or sweep must stay below; None for no limit.

    There is no limit if the command line names a folder without interpolations. If it
    names `/data/${dataset.name}`, the run or sweep must stay below `/data`.
    """
    root = Path.cwd()
    for setting in hydra_settings:
        name, _, value = setting.lstrip("+").partition("=")
        if name == key:
            literal, interpolation, _ = value.strip("'\"").partition("${")
            if not interpolation:
                return None
            parent, slash, _ = literal.rpartition("/")
            root = Path(parent or slash or ".")
    return root.resolve()
