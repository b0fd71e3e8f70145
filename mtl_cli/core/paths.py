"""The paths of the configs and of the bundled data, and short paths for messages."""

import os
from pathlib import Path

from mtl_cli.core.errors import ConfigError

PACKAGE = Path(__file__).resolve().parents[1]


def check_current_folder() -> None:
    try:
        os.getcwd()
    except FileNotFoundError:
        raise ConfigError(
            "the current folder has been removed; change to another: cd FOLDER"
        ) from None


def resources_folder() -> Path:
    """Returns the folder that holds mtl-cli's own `conf/` and `data/`.

    It is the root of a checkout, or the folder `bundled` of an installed package.
    """
    checkout = PACKAGE.parent
    if (checkout / "pyproject.toml").is_file() and (checkout / "conf").is_dir():
        return checkout
    return PACKAGE / "bundled"


def conf_folder() -> Path:
    return resources_folder() / "conf"


def user_conf_folder() -> Path | None:
    """Returns the folder `./conf`, unless it is mtl-cli's or another application's."""
    folder = Path.cwd() / "conf"
    if not folder.is_dir() or folder == conf_folder() or conf_is_of_other_application():
        return None
    return folder


def conf_is_of_other_application() -> bool:
    """Whether `./conf` holds a `config.yaml`: it would replace mtl-cli's."""
    folder = Path.cwd() / "conf"
    return (folder / "config.yaml").exists() and folder != conf_folder()


def short_path(path: Path) -> Path:
    """Makes a path relative to the current folder, if it lies in that folder."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
