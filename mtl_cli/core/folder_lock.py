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
        folder: the folder.
        key: the setting that names the folder, for messages.

    Raises:
        ConfigError: if another process holds the lock, or the folder is not writable.
    """
    path = folder / LOCK_NAME
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = open_lock_file(path)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not is_at(path, file):
                raise BlockingIOError
        except OSError:
            file.close()
            raise
    except BlockingIOError:
        raise ConfigError(
            f"{key}: another process is running in {folder}; wait until that process "
            "ends, or name another folder"
        ) from None
    except OSError as error:
        raise ConfigError(
            f"{key}: cannot write to {folder}: {error.strerror}; name another folder"
        ) from None
    return file


def is_at(path: Path, file: IO[str]) -> bool:
    """Whether an open file is still the file at a path.

    Somebody may have removed or replaced the file. A lock on a removed file does not
    keep other processes out.
    """
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def open_lock_file(path: Path) -> IO[str]:
    """Opens or makes a file to lock. Refuses a link, whose target may lie anywhere."""
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666), "w")
