"""The folder of the cache: it holds encoded data, hashes and compiled code."""

import errno
import os
from pathlib import Path

from mtl_cli.core.errors import ConfigError


def cache_folder() -> Path | None:
    """Returns the folder of the cache, or None for no cache.

    The environment variable `MTL_CACHE` names the folder; an empty value means no
    cache. Without the variable, the folder is `mtl-cli` in the user's cache folder, or
    None if this folder cannot be made.

    Raises:
        ConfigError: if `MTL_CACHE` names the home folder of an unknown user.
    """
    configured = os.environ.get("MTL_CACHE")
    if configured == "":
        return None
    if configured is not None:
        expanded = os.path.expanduser(configured)
        if expanded.startswith("~"):  # the user of `~nobody/cache` does not exist
            raise ConfigError(
                f"MTL_CACHE: no home folder is known for '{configured}'; name a folder "
                "without '~' in this environment variable"
            )
        return Path(os.path.realpath(expanded))
    try:
        user_cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        folder = Path(user_cache) / "mtl-cli"
        folder.mkdir(parents=True, exist_ok=True)
    except (RuntimeError, OSError):  # RuntimeError: the user has no home folder
        return None
    return folder


def make_cache_subfolder(name: str) -> Path | None:
    """Makes a subfolder of the cache if it is missing, and returns it.

    Returns: the subfolder, or None for no cache.

    Raises:
        OSError: if the subfolder cannot be made, or a link is in its place.
    """
    cache = cache_folder()
    return None if cache is None else make_subfolder(cache, name)


def make_subfolder(cache: Path, name: str) -> Path:
    """Makes a subfolder of a cache if it is missing, and returns it.

    Raises:
        OSError: if the subfolder cannot be made, or a link is in its place. Other users
            may write to a shared cache. By their link, mtl-cli could remove old files
            in any folder.
    """
    folder = cache / name
    folder.mkdir(parents=True, exist_ok=True)
    if folder.is_symlink():
        raise OSError(errno.ELOOP, "is a link", str(folder))
    return folder
