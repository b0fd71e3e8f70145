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

    A `./conf` with a `config.yaml` belongs to some other Hydra application, whose
    primary config must not take the place of ours.
    """
    folder = Path.cwd() / "conf"
    if not folder.is_dir() or folder == conf_folder():
        return None
    return None if (folder / "config.yaml").exists() else folder


def find_data(path: str) -> Path:
    """Returns where a data file is: as given, or else among the bundled ones."""
    try:
        given = Path(path).expanduser()
    except RuntimeError:  # `~nobody`
        given = Path(path)
    bundled = root() / path
    return bundled if not given.exists() and bundled.exists() else given


def cache_folder() -> Path | None:
    """Returns where encoded data is kept, or None if `MTL_CACHE` is empty.

    `MTL_CACHE`, else `mtl-cli` in the user's folder of caches.
    """
    chosen = os.environ.get("MTL_CACHE")
    if chosen is not None:
        return Path(chosen).expanduser().resolve() if chosen else None
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "mtl-cli"


def shortest(path: Path) -> Path:
    """Returns a path relative to the folder that the run started in, if inside it."""
    inside = path.is_relative_to(Path.cwd())
    return path.relative_to(Path.cwd()) if inside else path
