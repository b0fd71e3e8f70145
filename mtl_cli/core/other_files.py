"""Reads files that another person may have made, within limits.

A run folder, a configuration or a cache may come from somebody else. A file in it could
be a link to a secret file, a pipe that never ends, or a small file that expands until
the memory is full.
"""

import json
import os
import stat
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

MAX_BYTES = 256 << 20  # the largest JSON file or table of a run's history to read
# A file above `MAX_BYTES` may be at most 100 times as large as the space that it takes
# on the disk, see `check_holes`.
MAX_RATIO = 100


class UnsafeFileError(ValueError):
    """A file is a link, too large, nested too deeply, or not of the expected format."""


def check_regular(path: Path, max_bytes: int | None = None) -> None:
    status = path.lstat()
    if stat.S_ISLNK(status.st_mode):
        raise UnsafeFileError(f"{path} is a link; put the file itself there")
    if not stat.S_ISREG(status.st_mode):
        raise UnsafeFileError(f"{path} is not a regular file")
    if max_bytes is not None and status.st_size > max_bytes:
        raise UnsafeFileError(
            f"{path} has {status.st_size:,} bytes; at most {max_bytes:,} are read"
        )
    check_holes(path, status)


def check_holes(path: Path, status: os.stat_result) -> None:
    """Refuses a large file that consists almost entirely of holes.

    Holes hold only zeros and take no space on the disk: a file of many gigabytes costs
    nothing to send, but fills the memory when it is read.
    """
    size = status.st_size
    # Some network file systems report 0 blocks, or too few for a new file. Such a file
    # has no hole: a file system that knows no holes reports one at the end of the file.
    stored = status.st_blocks * 512
    if size <= max(MAX_BYTES, MAX_RATIO * stored):
        return
    with path.open("rb") as file:
        has_hole = os.lseek(file.fileno(), 0, os.SEEK_HOLE) < size
    if has_hole:
        raise UnsafeFileError(
            f"{path} has {size:,} bytes, of which only {stored:,} are on the disk; the "
            "rest are holes"
        )


def check_npz(path: Path) -> None:
    """Refuses an NPZ file that expands when it is read: mtl-cli does not compress.

    Several entries of a forged file may share their bytes.
    """
    check_regular(path)
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
        raise UnsafeFileError(f"{path} is compressed; write it uncompressed")
    expanded = sum(entry.file_size for entry in entries)
    size = path.stat().st_size
    if expanded > size:
        raise UnsafeFileError(
            f"{path} has {size:,} bytes, but its arrays expand to {expanded:,}"
        )


def check_numbers(name: str, array: Any, may_overflow: bool = False) -> None:
    """Checks that an array or an entry of an NPZ file holds numbers, and no NaN.

    Infinity, and a number that overflows float32, is refused unless `may_overflow`.
    """
    import numpy as np

    array = np.asarray(array)  # an entry of an NPZ file may be bytes
    if array.dtype.kind not in "biuf":  # boolean, signed, unsigned, float
        raise UnsafeFileError(f"'{name}' holds {array.dtype}; expected numbers")
    if array.dtype.kind == "f" and array.itemsize > 4:
        with np.errstate(over="ignore"):
            array = array.astype("float32")  # a network holds no larger numbers
    is_allowed = ~np.isnan(array) if may_overflow else np.isfinite(array)
    if not is_allowed.all():
        raise UnsafeFileError(f"'{name}' holds NaN or infinity")


def check_data_file(path: Path) -> None:
    """Refuses a data file that is not a regular file on a disk, or is full of holes.

    A missing file is accepted. `/proc/self/environ`, for instance, holds the secrets in
    environment variables.
    """
    real = path.resolve()
    if real.is_relative_to("/proc") or real.is_relative_to("/sys"):
        raise UnsafeFileError(f"{path} describes this machine; name a file of data")
    if real.exists():
        if not real.is_file():
            raise UnsafeFileError(f"{path} is not a regular file")
        check_holes(path, real.stat())


def read_text(path: Path, max_bytes: int = MAX_BYTES) -> str:
    """Reads the text of a regular file. A file that is not UTF-8 is a `ValueError`."""
    check_regular(path, max_bytes)
    return path.read_text("utf-8")


def read_json(path: Path, max_bytes: int = MAX_BYTES) -> Any:
    """Reads the values of a JSON file. A file that is not JSON is a `ValueError`."""
    try:
        return json.loads(read_text(path, max_bytes))
    except RecursionError:
        raise UnsafeFileError(f"{path} is nested too deeply") from None


def read_json_object(path: Path) -> dict[str, Any]:
    values = read_json(path)
    if not isinstance(values, dict):
        raise ValueError(f"{path} does not hold a JSON object")
    return values


def walk(
    folder: str | Path,
    on_error: Callable[[OSError], object] = lambda error: None,
    follow_links: bool = False,
) -> Iterator[tuple[str, list[str], list[str]]]:
    """Yields each folder at and below a folder, as `os.walk` does, in sorted order.

    Before Python 3.12, `os.walk` raises a `RecursionError` if a thousand folders lie in
    one another, as `Path.rglob` does. A small archive can hold such folders.

    Yields: the path of a folder, the names of its subfolders, and its files' names.
        A subfolder that the caller removes from the names is not visited.
    """
    unvisited = [os.fspath(folder)]
    while unvisited:
        path = unvisited.pop()
        try:
            with os.scandir(path) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError as error:
            on_error(error)
            continue
        # `entry.is_dir` raises an error for a link that leads to itself.
        subfolders = [e.name for e in entries if os.path.isdir(e.path)]
        files = [e.name for e in entries if not os.path.isdir(e.path)]
        links = {e.name for e in entries if e.is_symlink()}
        yield path, subfolders, files
        names = [n for n in reversed(subfolders) if follow_links or n not in links]
        unvisited += [os.path.join(path, name) for name in names]


def check_entries(
    folder: Path,
    subfolders: tuple[str, ...] = (),
    allow_hard_links: bool = False,
    fix: str = "remove it",
) -> list[str]:
    """Returns the names in a folder. Refuses links, pipes and devices in the folder.

    `subfolders` are checked in the same way. Writing to a hard link would change a file
    outside of the folder. `fix` ends the messages about links, pipes and devices.
    """
    names = []
    for entry in list(os.scandir(folder)):  # an error leaves no open folder
        names.append(entry.name)
        if entry.is_symlink():
            raise UnsafeFileError(f"{entry.path} is a link; {fix}")
        is_file = entry.is_file()
        if not is_file and not entry.is_dir():
            raise UnsafeFileError(f"{entry.path} is not a regular file; {fix}")
        if is_file and entry.stat().st_nlink > 1 and not allow_hard_links:
            raise UnsafeFileError(
                f"{entry.path} is also a file of another name (a hard link); replace "
                "it by a copy"
            )
        if entry.is_dir() and entry.name in subfolders:
            check_entries(Path(entry.path), allow_hard_links=allow_hard_links, fix=fix)
    return names
