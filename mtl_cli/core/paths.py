"""The paths of the configs, of the bundled data and of the cache.

A checkout holds the configs and the data in its root folder, an installed package in
the folder `bundled`.
"""

import errno
import os
from collections.abc import Sequence
from os import PathLike
from pathlib import Path

from mtl_cli.core.errors import ConfigError
from mtl_cli.core.message_text import comma_list

PACKAGE = Path(__file__).resolve().parents[1]
# Names the files of a table: a file, folder, pattern or URL, or a list of them.
Location = str | list[str]
PATHS_IN_NAME = 3  # the number of paths of a list that messages name


def paths_of(
    one_or_several: "str | PathLike[str] | Sequence[str | PathLike[str]]",
) -> list[str]:
    """Returns an argument that is one path or several paths as a list of texts."""
    if isinstance(one_or_several, str | PathLike):
        return [os.fspath(one_or_several)]
    return [os.fspath(path) for path in one_or_several]


def check_current_folder() -> None:
    """Raises a `ConfigError` if the current folder no longer exists."""
    try:
        os.getcwd()
    except FileNotFoundError:
        raise ConfigError(
            "the current folder has been removed; change to another: cd FOLDER"
        ) from None


def root() -> Path:
    """Returns the folder that holds `conf/` and `data/`."""
    checkout = PACKAGE.parent
    if (checkout / "pyproject.toml").is_file() and (checkout / "conf").is_dir():
        return checkout
    return PACKAGE / "bundled"


def conf_folder() -> Path:
    """Returns the folder of mtl-cli's own configs."""
    return root() / "conf"


def user_conf_folder() -> Path | None:
    """Returns the user's folder `./conf`, or None if there is none.

    The folder of mtl-cli's own configs does not count, nor the folder of another
    application.
    """
    folder = Path.cwd() / "conf"
    if not folder.is_dir() or folder == conf_folder() or conf_is_of_other_application():
        return None
    return folder


def conf_is_of_other_application() -> bool:
    """Whether `./conf` holds a `config.yaml`, as other Hydra applications have.

    This `config.yaml` would replace mtl-cli's file of this name.
    """
    folder = Path.cwd() / "conf"
    return (folder / "config.yaml").exists() and folder != conf_folder()


def find_data(path: str) -> Path:
    """Returns the path of a data file: the user's file, else a bundled file."""
    try:
        configured = Path(path).expanduser()
    except RuntimeError:  # `~nobody/rows.csv` names a user who does not exist
        configured = Path(path)
    bundled = root() / path
    return bundled if bundled.exists() and not configured.exists() else configured


def listed_paths(location: Location) -> list[str]:
    """Returns the files, folders, patterns or URLs of a location."""
    return [location] if isinstance(location, str) else location


def absolute_paths(location: Location) -> list[str]:
    """Returns the files of a location as absolute paths; URLs stay as they are."""
    return [
        path if "://" in path else os.path.abspath(find_data(path))
        for path in listed_paths(location)
    ]


def name_of(location: Location) -> str:
    """Returns how messages name a table: its path, or the first paths of its list.

    >>> name_of(["1.csv", "2.csv", "3.csv", "4.csv", "5.csv"])
    '1.csv, 2.csv, 3.csv and 2 more'
    """
    return comma_list(listed_paths(location), PATHS_IN_NAME)


def as_location(paths: list[str]) -> Location:
    """Returns the location that one or several paths of a command line name."""
    return paths[0] if len(paths) == 1 else paths


def cache_folder() -> Path | None:
    """Returns the folder of encoded data and compiled code, or None for no cache.

    The environment variable `MTL_CACHE` names the folder; an empty value means no
    cache. Without the variable, the folder is `mtl-cli` in the user's cache folder, or
    None if this folder cannot be made.
    """
    configured = os.environ.get("MTL_CACHE")
    if configured == "":
        return None
    try:
        if configured is not None:
            return Path(configured).expanduser().resolve()
        user_cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        folder = Path(user_cache) / "mtl-cli"
        folder.mkdir(parents=True, exist_ok=True)
    except (RuntimeError, OSError):  # RuntimeError: the user has no home folder
        return None
    return folder


def cache_subfolder(name: str) -> Path | None:
    """Returns a subfolder of the cache, or None for no cache. Makes it if needed."""
    cache = cache_folder()
    return None if cache is None else made_subfolder(cache, name)


def made_subfolder(cache: Path, name: str) -> Path:
    """Returns a subfolder of the cache. Makes it if needed.

    A link in its place raises an `OSError`: other users may write to a shared cache,
    and their link could make mtl-cli remove old files in any folder.
    """
    folder = cache / name
    folder.mkdir(parents=True, exist_ok=True)
    if folder.is_symlink():
        raise OSError(errno.ELOOP, "is a link", str(folder))
    return folder


def shortest(path: Path) -> Path:
    """Makes a path relative to the current folder, if it lies in that folder."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
