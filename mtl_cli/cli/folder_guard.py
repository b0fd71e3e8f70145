"""Checks the folders in which a configuration wants to write a run or a sweep."""

import os
import re
from pathlib import Path

from omegaconf import DictConfig

from mtl_cli.config.interpolations import resolved
from mtl_cli.core.errors import ConfigError
from mtl_cli.core.message_text import shown
from mtl_cli.core.secrets import secret_reference_in

FOLDER_KEYS = ("hydra.run.dir", "hydra.sweep.dir")


def check_folders(composed: DictConfig, hydra_settings: list[str]) -> None:
    """Refuses a folder with an unsafe name, or outside of its `allowed_root`.

    A folder that the user types on the command line, without `${...}`, is trusted: it
    may lie anywhere, and its name may hold characters that are special in URLs. Any
    other folder may come from a file, at least in part. `hydra_settings` are the
    settings of the command line for Hydra's section.
    """
    for key in FOLDER_KEYS:
        folder = str(resolved(composed, key))
        check_literal(key, folder)
        root = allowed_root(key, hydra_settings)
        if root is not None:
            if root not in Path(folder).resolve().parents:
                raise ConfigError(
                    f"{key}: {shown(folder)} is not below {root}; choose a folder "
                    f"below {root}, or type the whole path on the command line, "
                    f"without '${{': {key}=FOLDER"
                )
            # The folder's name becomes part of the URL of a search's database.
            if special := re.search(r"[?%#]|file:", folder):
                raise ConfigError(
                    f"{key}: {shown(folder)} holds {special[0]!r}, which is special in "
                    "the URL of a database; take another name"
                )
        if reference := secret_reference_in(folder):
            raise ConfigError(
                f"{key}: the folder's name would show the value of {reference}; name "
                "another folder, or give the data set another name"
            )


def check_literal(key: str, folder: str) -> None:
    """Refuses a folder that the system, a shell or Hydra would not take literally.

    A user who removes a folder `~` by a shell would remove the home folder. Hydra
    stores the resolved path in the configuration, and resolves that text again.
    """
    path = os.path.abspath(folder)
    if "\0" in folder or folder.startswith("~") or "${" in path:
        raise ConfigError(
            f"{key}: {shown(folder)} begins with '~', or its whole path holds '${{' or "
            "NUL; write another path"
        )


def allowed_root(key: str, hydra_settings: list[str]) -> Path | None:
    """Returns the folder that a run or sweep must lie below; None allows any folder.

    The result depends on how the command line sets the key:

    - `KEY=/data/runs`: the folder may lie anywhere.
    - `KEY=/data/${dataset.name}`: the folder must lie below `/data`, because a file may
      have set `dataset.name`.
    - Not at all, or in a mapping such as `hydra.run={dir: FOLDER}`: the folder must lie
      below the current folder.
    """
    typed_folder = None
    for setting in hydra_settings:  # the last setting counts
        name, _, value = setting.lstrip("+").partition("=")
        if name == key:
            typed_folder = value.strip("'\"")
        elif key.startswith(f"{name}."):  # a mapping
            typed_folder = None
    if typed_folder is None:
        return Path.cwd().resolve()
    literal, interpolation, _ = typed_folder.partition("${")
    if not interpolation:
        return None
    return Path(os.path.dirname(literal)).resolve()
