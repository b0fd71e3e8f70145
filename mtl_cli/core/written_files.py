"""Records which files a command has written, and notices later changes.

A command that writes a folder stores {file: hash} in one file of the folder, the
record. A later `--force` removes the folder only if each of its files is in the
record and has the same hash. `mtl-export --verify` compares them too.
"""

import hashlib
import os
import stat
from collections.abc import Collection, Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from mtl_cli.core.other_files import UnsafeFileError, check_regular

MAX_DEPTH = 100  # the largest number of nested folders
HASHES_KEY = "files"  # the record is a JSON object; this key holds {file: hash}


def hashes_of(folder: Path) -> dict[str, str]:
    return {name: sha256(path) for name, path in files_by_name(folder).items()}


def check_written(
    folder: Path, record_name: str, hashes: object, byproducts: Collection[str] = ()
) -> None:
    """Raises an `UnsafeFileError` if a file of a folder was added or changed.

    Args:
        folder: the folder that a command has written.
        record_name: the name of the record in the folder.
        hashes: the value of `HASHES_KEY` in the record; may be any JSON value.
        byproducts: glob patterns of files that appear in the folder when it is used,
            such as `__pycache__/*.pyc`.
    """
    if not isinstance(hashes, dict):
        raise UnsafeFileError(
            f"{folder / record_name} holds no list of the files that were written"
        )
    for name, path in files_by_name(folder).items():
        if name == record_name or any(fnmatchcase(name, p) for p in byproducts):
            continue
        if name not in hashes:
            raise UnsafeFileError(
                f"{folder} holds '{name}', which the list in {record_name} does not "
                "name"
            )
        check_regular(path)  # to hash a file of huge holes would take hours
        if sha256(path) != hashes[name]:
            raise UnsafeFileError(
                f"{folder} holds '{name}', which has changed since it was written"
            )


def check_none_missing(folder: Path, hashes: Collection[str]) -> None:
    """Raises an `UnsafeFileError` if a folder lacks one of the files that it held."""
    # Comparing names is safer than looking for files: a forged record may name a file
    # outside of the folder.
    if missing := sorted(set(hashes) - set(files_by_name(folder))):
        raise UnsafeFileError(f"{folder} has lost '{missing[0]}' since it was written")


def files_by_name(folder: Path) -> dict[str, Path]:
    """Returns {path relative to the folder: path} for all files in a folder."""
    return {path.relative_to(folder).as_posix(): path for path in files_in(folder)}


def files_in(folder: Path, depth: int = 0) -> Iterator[Path]:
    """Yields all files in a folder and its subfolders, in the order of their names.

    A link, a pipe or a device is an `UnsafeFileError`, and so are too many folders in
    one another. `depth` counts the folders above `folder`.
    """
    if depth == MAX_DEPTH:
        raise UnsafeFileError(f"{folder} lies more than {MAX_DEPTH} folders deep")
    with os.scandir(folder) as entries:
        by_name = sorted(entries, key=lambda entry: entry.name)
    for entry in by_name:
        mode = entry.stat(follow_symlinks=False).st_mode
        if stat.S_ISDIR(mode):
            yield from files_in(Path(entry.path), depth + 1)
        elif stat.S_ISREG(mode):
            yield Path(entry.path)
        else:
            raise UnsafeFileError(f"{entry.path} is not a regular file")


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
