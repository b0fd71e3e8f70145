"""Where the configs and the bundled data are: in a checkout, or in the package."""

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
    """Returns the user's `./conf`, or None if there is none or it is our own.

    A `./conf` with a `config.yaml` belongs to another Hydra application. Its primary
    config must not replace ours.
    """
    folder = Path.cwd() / "conf"
    if not folder.is_dir() or folder == conf_folder():
        return None
    return None if (folder / "config.yaml").exists() else folder


def find_data(path: str) -> Path:
    """Returns the path of a data file: the configured path, or else a bundled file."""
    try:
        configured = Path(path).expanduser()
    except RuntimeError:  # there is no such user, as in `~nobody/rows.csv`
        configured = Path(path)
    bundled = root() / path
    return bundled if bundled.exists() and not configured.exists() else configured


def cache_folder() -> Path | None:
    """Returns the folder of encoded data, or None if `MTL_CACHE` is empty.

    The folder is `MTL_CACHE`, or else `mtl-cli` in the user's folder of caches.
    """
    configured = os.environ.get("MTL_CACHE")
    if configured is not None:
        return Path(configured).expanduser().resolve() if configured else None
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "mtl-cli"


def shortest(path: Path) -> Path:
    """Returns a path relative to the current folder, if it lies inside."""
    inside = path.is_relative_to(Path.cwd())
    return path.relative_to(Path.cwd()) if inside else path
