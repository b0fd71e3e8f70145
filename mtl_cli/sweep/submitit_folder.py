"""The folder of submitit's files: the jobs, their results, and their logs."""

import tempfile
from pathlib import Path

NAME = ".submitit"

_made: list[Path] = []  # by this process


def make(sweep: Path) -> Path:
    """Makes a new folder for one start of a sweep.

    Submitit reads results as pickles, and reading a pickle executes code. In a folder
    with a known name somebody else could have put pickles, or links to other files.
    Nobody else can write to the new folder.

    Args:
        sweep: the sweep's folder.
    """
    parent = sweep / NAME
    parent.mkdir(exist_ok=True)
    _made.append(Path(tempfile.mkdtemp(prefix="start-", dir=parent)))
    return _made[-1]


def remove_pickles() -> None:
    """Removes the jobs and results of this start: they may hold secrets."""
    for folder in _made:
        for file in folder.rglob("*.pkl"):
            file.unlink(missing_ok=True)
    _made.clear()
