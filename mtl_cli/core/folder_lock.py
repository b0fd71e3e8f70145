"""Locks a folder, so that only one process at a time writes to it.

The operating system frees the lock when the process ends, even if it is killed.
"""

import fcntl
import os
from pathlib import Path
from typing import IO

from mtl_cli.core.errors import ConfigError

LOCK_NAME = ".lock"
MAX_ATTEMPTS = 10  # to lock a file, if other processes remove it each time


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
        file = locked_file(path)
    except OSError as error:
        # For a link, the system's reason "too many levels" would mislead the user.
        reason = f"{LOCK_NAME} is a link" if os.path.islink(path) else error.strerror
        raise ConfigError(
            f"{key}: cannot write to {folder}: {reason}; name another folder"
        ) from None
    if file is None:
        raise ConfigError(
            f"{key}: another process is running in {folder}; wait until that process "
            "ends, or name another folder"
        )
    return file


def locked_file(path: Path) -> IO[str] | None:
    """Opens and locks a file; returns None if another process holds the lock.

    Another process may remove the file (`RunFolder.release`) after it was opened here
    and before it is locked. A lock on a removed file keeps nobody out, because other
    processes make and lock a new file. In this case, the new file is opened and locked.
    """
    for _ in range(MAX_ATTEMPTS):
        file = open_lock_file(path)
        is_valid_lock = False
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_valid_lock = is_still_at(path, file)
        except BlockingIOError:
            return None
        finally:
            if not is_valid_lock:
                file.close()
        if is_valid_lock:
            return file
    return None  # other processes have locked and released the folder each time


def is_still_at(path: Path, file: IO[str]) -> bool:
    """Whether a path still leads to an open file, so nobody has removed the file."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def open_lock_file(path: Path) -> IO[str]:
    """Opens or makes a file to lock.

    A link raises an `OSError`, because it may lead to a file anywhere.
    """
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666), "w")
