"""Checks the folders that a configuration names for a run or a sweep."""

import re
from pathlib import Path

from omegaconf import DictConfig

from mtl_cli.cli.interpolations import resolved
from mtl_cli.core.errors import ConfigError, shown
from mtl_cli.core.secrets import secret_in


def check_folders(composed: DictConfig, typed: list[str]) -> None:
    """Raises an error if a folder that is not typed lies outside the current folder.

    A typed folder is trusted, but not the values that its interpolations insert.
    """
    for key in ("hydra.run.dir", "hydra.sweep.dir"):
        folder = str(resolved(composed, key))
        root = root_of_folder(key, typed)
        if root is not None and root not in Path(folder).resolve().parents:
            raise ConfigError(
                f"{key}: {shown(folder)} leads out of {root}; take plain names, or "
                f"give the folder on the command line: {key}=FOLDER"
            )
        if re.search(r"[?%#]|file:", folder) and root is not None:
            # The folder's name may be part of a database's URL.
            raise ConfigError(
                f"{key}: {shown(folder)} holds a character of URLs; take letters, "
                "digits, '_', '-', '.', '=' and ','"
            )
        if secret := secret_in(folder):
            raise ConfigError(
                f"{key}: the folder's name would show the value of {secret}; give the "
                "data set another name"
            )


def root_of_folder(key: str, typed: list[str]) -> Path | None:
    """Returns the folder that a run or sweep must stay below; None for no limit.

    Args:
        key: `hydra.run.dir` or `hydra.sweep.dir`.
        typed: the settings of the command line that concern Hydra's section.
    """
    root = Path.cwd()
    for setting in typed:
        name, _, value = setting.lstrip("+").partition("=")
        if name == key:
            literal, interpolation, _ = value.strip("'\"").partition("${")
            if not interpolation:
                return None
            parent, slash, _ = literal.rpartition("/")
            root = Path(parent or slash or ".")
    return root.resolve()
