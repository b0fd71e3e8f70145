"""The folder of submitit's files: the jobs, their results and their logs."""

import tempfile
from pathlib import Path

NAME = ".submitit"

_folders: list[Path] = []  # made by this process


def make_folder(sweep: Path) -> Path:
    """Makes a new folder for one start of a sweep, and returns its path.

    Submitit reads results as pickles, and a pickle can run code when it is loaded. In a
    folder with a known name, somebody else could have put pickles, or links to other
    files. The new folder has a random name, and only this user can write to it.

    Args:
        sweep: the sweep's folder.
    """
    parent = sweep / NAME
    parent.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="start-", dir=parent))
    _folders.append(folder)
    return folder


def remove_pickles() -> None:
    """Removes the pickles that submitit has written, because they may hold secrets."""
    for folder in _folders:
        for file in folder.rglob("*.pkl"):
            file.unlink(missing_ok=True)
    _folders.clear()
