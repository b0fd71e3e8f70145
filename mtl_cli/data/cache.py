"""The cache of encoded data: one entry per data set, configuration and code.

An entry appears in the cache only when it is complete. Entries that no run has used for
`DAYS_KEPT` days are removed.
"""

import atexit
import contextlib
import fcntl
import hashlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from mtl_cli.core.errors import DAMAGED_FILE_ERRORS, DataError, MtlError
from mtl_cli.core.folder_lock import open_lock_file
from mtl_cli.core.paths import PACKAGE, cache_folder, cache_subfolder
from mtl_cli.data.cache_entry import MANIFEST, Entry

ENCODED = "encoded"
DAYS_KEPT = 30
# The packages whose code decides how data is encoded, and what the data report says.
ENCODING_CODE = (
    "columns",
    "data",
    "features",
    "generators",
    "heads",
    "metrics",
    "tasks",
)


def find_or_encode(
    key: str, encode: Callable[[Path], None], check: Callable[[Entry], None]
) -> Entry:
    """Returns the entry of a key; encodes the data first if there is no entry.

    If several processes need the same entry, one encodes while all others wait.

    Args:
        key: a hash of all that the encoded data depends on.
        encode: writes the encoded data into a folder by means of a `Writer`.
        check: raises an error if an entry of the cache is not the encoded data.

    Raises:
        DataError: if the disk is full or the cache cannot be written.
    """
    entry = find_entry(key, check)
    if entry is not None:
        return entry
    folder = None
    try:
        with encoding_lock(key):
            # Another process may have encoded it meanwhile.
            entry = find_entry(key, check)
            if entry is not None:
                return entry
            folder = new_folder()
            encode(folder)
            return publish(folder, key, check)
    except OSError as error:
        location = cache_folder() or tempfile.gettempdir()
        raise DataError(
            f"cannot keep encoded data in {location}: {error.strerror or error}; make "
            "room, or name another folder in the environment variable MTL_CACHE"
        ) from None
    finally:
        # A failure leaves the folder, and it is removed here; after a success `publish`
        # has renamed it. Without a cache the run reads the folder until the process
        # ends.
        if folder is not None and cache_folder() is not None:
            shutil.rmtree(folder, ignore_errors=True)


def find_entry(key: str, check: Callable[[Entry], None]) -> Entry | None:
    """Returns the entry of a key; None if there is none. Removes a damaged entry."""
    root = cache_folder()
    folder = None if root is None else root / ENCODED / key
    if folder is None or not folder.is_dir() or folder.is_symlink():
        return None
    try:
        entry = Entry(folder, was_cached=True)
        check(entry)
    except (*DAMAGED_FILE_ERRORS, MtlError):
        shutil.rmtree(folder, ignore_errors=True)
        return None
    with contextlib.suppress(OSError):  # a read-only cache cannot renew the age
        os.utime(folder)
    return entry


@contextlib.contextmanager
def encoding_lock(key: str) -> Iterator[None]:
    """Waits until no other process encodes the entry of a key.

    On a file system without locks no process waits. Two processes may then encode the
    same rows; this costs time, but both write the same entry.
    """
    folder = cache_subfolder("locks")
    if folder is None:
        yield
        return
    path = folder / key
    with open_lock_file(path) as file:
        with contextlib.suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def new_folder() -> Path:
    """Returns an empty folder to encode into, and removes old entries.

    Without a cache the folder is removed when the process ends.
    """
    entries = cache_subfolder(ENCODED)
    if entries is None:
        folder = Path(tempfile.mkdtemp(prefix="mtl-cli-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        return folder
    for old in entries.iterdir():
        with contextlib.suppress(OSError):
            days = (time.time() - old.lstat().st_mtime) / 86400
            is_unfinished = old.name.startswith("tmp-") and days > 1
            if is_unfinished or (days > DAYS_KEPT and (old / MANIFEST).is_file()):
                shutil.rmtree(old)
    return Path(tempfile.mkdtemp(prefix="tmp-", dir=entries))


def publish(folder: Path, key: str, check: Callable[[Entry], None]) -> Entry:
    """Makes a finished folder the entry of a key."""
    root = cache_folder()
    if root is None:
        return Entry(folder)
    try:
        return Entry(folder.rename(root / ENCODED / key))
    except OSError:
        # Another process may have published it meanwhile.
        entry = find_entry(key, check)
        if entry is None:
            raise
        return entry


def code_version(options: Iterable[object] = ()) -> str:
    """Returns a hash of the code that encodes, so that other code has other entries.

    Args:
        options: the data set, its features and its tasks. If the class of an option
            comes from a plugin, all files of the plugin's package count.
    """
    files = [p for name in ENCODING_CODE for p in (PACKAGE / name).rglob("*.py")]
    packages = {type(option).__module__.partition(".")[0] for option in options}
    for package in packages - {PACKAGE.name}:
        module = sys.modules[package]
        folders = getattr(module, "__path__", [])
        files += [p for folder in folders for p in Path(folder).rglob("*.py")]
        if not folders and module.__file__ is not None:
            files.append(Path(module.__file__))  # a plugin of a single file
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(path.read_bytes())
    return digest.hexdigest()
