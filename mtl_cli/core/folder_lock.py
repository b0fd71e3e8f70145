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

    Args:
        folder: the folder to lock.
        key: the key of the configuration that names the folder, for the error message.

    Raises:
        ConfigError: if another process holds the lock, or the folder is not writable.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return lock_file(folder / LOCK_NAME)
    except BlockingIOError:
        raise ConfigError(
            f"{key}: another process is running in {folder}; wait for it, or name "
            "another folder"
        ) from None
    except OSError as error:
        raise ConfigError(
            f"{key}: cannot write to {folder}: {error.strerror}"
        ) from None


def lock_file(path: Path) -> IO[str]:
    """Opens and locks a file.

    Raises:
        BlockingIOError: if another process holds the lock.
    """
    file = open_lock_file(path)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not is_at(path, file):
            raise BlockingIOError
    except OSError:
        file.close()
        raise
    return file


def is_at(path: Path, file: IO[str]) -> bool:
    """Whether a path leads to an open file.

    The result is False if another process has removed the file since, and perhaps made
    a new file. A lock on a removed file keeps nobody out.
    """
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def open_lock_file(path: Path) -> IO[str]:
    """Opens a file to lock. Makes the file if it is missing.

    Raises:
        OSError: if the path is a link. Opening it would empty the file that it names.
    """
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666), "w")
