"""Paths of the configs, the bundled data and the cache.

The configs and the data lie at the root of a checkout, or in an installed package.
"""

import errno
import os
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]


def root() -> Path:
    """Returns the folder that holds `conf/` and `data/`."""
    checkout = PACKAGE.parent
    if (checkout / "pyproject.toml").is_file() and (checkout / "conf").is_dir():
        return checkout
    return PACKAGE / "bundled"


def conf_folder() -> Path:
    """Returns the folder of our own configs."""
    return root() / "conf"


def user_conf_folder() -> Path | None:
    """Returns the user's `./conf`, or None if it does not exist or is our own.

    A `./conf` with a `config.yaml` belongs to another Hydra application. That file must
    not replace our own `config.yaml`.
    """
    folder = Path.cwd() / "conf"
    if not folder.is_dir() or folder == conf_folder():
        return None
    return None if (folder / "config.yaml").exists() else folder


def find_data(path: str) -> Path:
    """Returns the configured path of a data file, or the path of a bundled file.

    A bundled file is used only if the configured path does not exist.
    """
    try:
        configured = Path(path).expanduser()
    except RuntimeError:  # `~nobody/rows.csv` names a user who does not exist
        configured = Path(path)
    bundled = root() / path
    return bundled if bundled.exists() and not configured.exists() else configured


def cache_folder() -> Path | None:
    """Returns the folder of encoded data and compiled code, or None for no cache.

    The environment variable `MTL_CACHE` names the folder; if it is empty, there is no
    cache. Without the variable, the folder is `mtl-cli` in the user's cache folder. A
    user without a home, or with a home that cannot be written, has no cache in it.
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
    except (RuntimeError, OSError):  # no home is a RuntimeError
        return None
    return folder


def cache_subfolder(name: str) -> Path | None:
    """Returns a subfolder of the cache, made if it is missing; None for no cache.

    Raises:
        OSError: if it cannot be made, or is a link: a cache may be shared, and old
            files are removed from it.
    """
    root = cache_folder()
    if root is None:
        return None
    folder = root / name
    folder.mkdir(parents=True, exist_ok=True)
    if folder.is_symlink():
        raise OSError(errno.ELOOP, "is a link", str(folder))
    return folder


def shortest(path: Path) -> Path:
    """Returns a path relative to the current folder, or unchanged if it is outside."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
