"""The folder of the cache: it holds encoded data, hashes and compiled code."""

import errno
import os
from pathlib import Path


def cache_folder() -> Path | None:
    """Returns the folder of the cache, or None for no cache.

    The environment variable `MTL_CACHE` names the folder; an empty value means no
    cache. Without the variable, the folder is `mtl-cli` in the user's cache folder, or
    None if this folder cannot be made.
    """
    configured = os.environ.get("MTL_CACHE")
    if configured == "":
        return None
    if configured is not None:
        path = os.path.expanduser(configured)
        # A `~` that remains is the home of an unknown user, and no name of a folder.
        return None if path.startswith("~") else Path(os.path.realpath(path))
    try:
        user_cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        folder = Path(user_cache) / "mtl-cli"
        folder.mkdir(parents=True, exist_ok=True)
    except (RuntimeError, OSError):  # RuntimeError: the user has no home folder
        return None
    return folder


def make_subfolder(cache: Path, name: str) -> Path:
    """Makes a subfolder of a cache if it is missing, and returns it.

    A link in its place is an `OSError`: other users may write to a shared cache, and by
    their link mtl-cli could remove old files in any folder.
    """
    folder = cache / name
    folder.mkdir(parents=True, exist_ok=True)
    if folder.is_symlink():
        raise OSError(errno.ELOOP, "is a link", str(folder))
    return folder
