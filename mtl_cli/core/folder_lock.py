"""Locks a folder, so that only one process at a time writes to it.

The operating system frees the lock when the process ends, even if it is killed.
"""

import fcntl
import os
from pathlib import Path
from typing import IO

from mtl_cli.core.errors import ConfigError

LOCK_NAME = ".lock"


def lock_folder(folder: Path, key: str) -> IO[str]:
    """Makes a folder if it is missing, and locks it until the returned file is closed.

    `key` is the setting that names the folder, for messages.
    """
    path = folder / LOCK_NAME
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = locked_file(path)
    except OSError as error:
        raise ConfigError(
            f"{key}: cannot write to {folder}: {error.strerror}; name another folder"
        ) from None
    if file is None:
        raise ConfigError(
            f"{key}: another process is running in {folder}; wait until that process "
            "ends, or name another folder"
        )
    return file


def locked_file(path: Path) -> IO[str] | None:
    """Opens and locks a file; returns None if another process holds the lock.

    If another process removes the file (`RunFolder.release`) after it was opened here,
    the lock keeps nobody out: other processes make a new file. So that one is locked.
    """
    for _ in range(10):
        file = open_lock_file(path)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if is_still_at(path, file):
                return file
        except BlockingIOError:
            file.close()
            return None
        except BaseException:
            file.close()
            raise
        file.close()
    return None  # other processes have locked and released the folder each time


def is_still_at(path: Path, file: IO[str]) -> bool:
    """Whether a path still leads to an open file, so nobody has removed the file."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def open_lock_file(path: Path) -> IO[str]:
    """Opens or makes a file; a link may lead anywhere, so it is an `OSError`."""
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666), "w")
