"""The list of the files that a command has written, so that only these are removed.

A command that writes a folder keeps the list in one file of the folder, its record. A
later `--force` removes the folder only if the folder holds nothing else: a file that
has been added or changed since belongs to somebody else.
"""

import hashlib
import os
import stat
from collections.abc import Collection, Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from mtl_cli.core.other_files import UnsafeFileError

FILES = "files"  # the key of the list in a record


def hashes_of(folder: Path) -> dict[str, str]:
    """Returns {path within the folder: SHA-256} of all files of a folder."""
    return {
        path.relative_to(folder).as_posix(): sha256(path) for path in files_in(folder)
    }


def check_written(
    folder: Path, record: str, hashes: Any, byproducts: Collection[str] = ()
) -> None:
    """Refuses a folder that holds anything but the listed files, as they were written.

    Args:
        folder: the folder.
        record: the name of the file that holds the list.
        hashes: the list, as `hashes_of` gives it; it comes from a file and may have any
            form.
        byproducts: patterns of files that the use of the folder adds, such as
            `__pycache__/*.pyc`.

    Raises:
        UnsafeFileError: naming the first file that is not listed, or has changed.
    """
    if not isinstance(hashes, dict):
        raise UnsafeFileError(f"{folder / record} does not list the files beside it")
    for path in files_in(folder):
        name = path.relative_to(folder).as_posix()
        if name == record or any(fnmatchcase(name, p) for p in byproducts):
            continue
        if name not in hashes:
            raise UnsafeFileError(
                f"{folder} holds '{name}', which the list in {record} does not name"
            )
        if sha256(path) != hashes[name]:
            raise UnsafeFileError(
                f"{folder} holds '{name}', which has changed since it was written"
            )


def files_in(folder: Path) -> Iterator[Path]:
    """Yields the files in a folder and below, in the order of their names.

    Raises:
        UnsafeFileError: if there is a link, a pipe or a device.
    """
    with os.scandir(folder) as entries:
        by_name = sorted(entries, key=lambda entry: entry.name)
    for entry in by_name:
        mode = entry.stat(follow_symlinks=False).st_mode
        if stat.S_ISDIR(mode):
            yield from files_in(Path(entry.path))
        elif stat.S_ISREG(mode):
            yield Path(entry.path)
        else:
            raise UnsafeFileError(f"{entry.path} is not a regular file")


def sha256(path: Path) -> str:
    """Returns the SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
