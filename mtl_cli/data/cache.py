"""The cache of encoded data: one entry per data set, configuration and code.

Data is encoded into a temporary folder. The folder is renamed when it is complete, so
every entry of the cache is complete. Entries that no run has used for `DAYS_KEPT` days
are removed.
"""

import atexit
import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from mtl_cli.core.atomic_write import FREE_SPACE
from mtl_cli.core.cache_folder import cache_folder, make_subfolder
from mtl_cli.core.errors import DAMAGED_FILE_ERRORS, MtlError, WriteError
from mtl_cli.core.folder_lock import open_lock_file
from mtl_cli.core.paths import PACKAGE
from mtl_cli.core.plugin_code import code_hashes
from mtl_cli.data.cache_entry import MANIFEST, Entry

ENTRIES = "encoded"  # the cache's subfolder that holds the entries
LOCKS = "locks"  # the cache's subfolder with a lock for each entry that is being made
DAYS_KEPT = 30
# The packages whose code decides how data is encoded, and what the data report says.
ENCODING_PACKAGES = (
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

    If several processes need the same entry, one of them encodes the data, and the
    others wait. If the cache cannot be used, for instance because its disk is full, a
    warning says so, and the data are encoded without the cache.

    `encode` encodes the data into an empty folder. `check` raises an error if an entry
    does not fit the data set.
    """
    cache = cache_folder()
    if cache is not None:
        try:
            return find_or_encode_in(cache, key, encode, check)
        except OSError as error:
            warnings.warn(
                f"cannot keep encoded data in {cache}: {error.strerror or error}; "
                "going on without this cache; mend that, or name another folder in "
                "the environment variable MTL_CACHE",
                stacklevel=2,
            )
    return encode_without_cache(encode)


def encode_without_cache(encode: Callable[[Path], None]) -> Entry:
    """Encodes the data into a folder that the process removes at its end."""
    try:
        folder = Path(tempfile.mkdtemp(prefix="mtl-cli-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        encode(folder)
        return Entry(folder)
    except OSError as error:
        raise WriteError(
            f"cannot write encoded data to {tempfile.gettempdir()}: "
            f"{error.strerror or error}; {FREE_SPACE}"
        ) from None


def find_or_encode_in(
    cache: Path,
    key: str,
    encode: Callable[[Path], None],
    check: Callable[[Entry], None],
) -> Entry:
    """Raises an `OSError` if the cache cannot be used, see `find_or_encode`."""
    target = make_subfolder(cache, ENTRIES) / key
    if entry := find_entry(target, check):
        return entry
    with encoding_lock(make_subfolder(cache, LOCKS) / key):
        # Another process may have encoded the data while this process waited.
        if entry := find_entry(target, check):
            return entry
        remove_old_entries(target.parent)
        folder = Path(tempfile.mkdtemp(prefix="tmp-", dir=target.parent))
        try:
            encode(folder)
            # Without a lock, another process may have made the entry in the meantime.
            return find_entry(target, check) or Entry(folder.rename(target))
        finally:
            # If all went well, the folder has its new name, so this does nothing.
            shutil.rmtree(folder, ignore_errors=True)


def find_entry(folder: Path, check: Callable[[Entry], None]) -> Entry | None:
    """Returns the entry in a folder, or None; removes a damaged entry."""
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        folder.unlink(missing_ok=True)  # somebody has put a link or a file there
    if not folder.is_dir():
        return None
    try:
        entry = Entry(folder, was_cached=True)
        check(entry)
    except (*DAMAGED_FILE_ERRORS, MtlError):
        shutil.rmtree(folder, ignore_errors=True)
        return None
    # The time of the folder says when the entry was last used: `remove_old_entries`
    # reads it. In a read-only cache, the time cannot be set.
    with contextlib.suppress(OSError):
        os.utime(folder)
    return entry


@contextlib.contextmanager
def encoding_lock(path: Path) -> Iterator[None]:
    """Lets one process at a time encode the entry of a key; others wait.

    On a file system without locks, no process waits, and two processes may encode the
    same rows. The second encoding costs time, but both write the same entry.
    """
    with open_lock_file(path) as file:
        with contextlib.suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def remove_old_entries(entries: Path) -> None:
    """Removes entries unused for `DAYS_KEPT` days, and killed processes' folders."""
    for old in entries.iterdir():
        with contextlib.suppress(OSError):
            days = (time.time() - old.lstat().st_mtime) / 86400
            is_left_behind = old.name.startswith("tmp-") and days > 1
            if is_left_behind or (days > DAYS_KEPT and (old / MANIFEST).is_file()):
                shutil.rmtree(old)


def code_version(options: Iterable[object] = ()) -> str:
    """Returns a hash of the code that encodes data.

    The hash is a part of each entry's key, so that changed code makes new entries. If a
    plugin defines the class of one of `options`, all Python files of the plugin enter
    the hash.
    """
    files = [p for name in ENCODING_PACKAGES for p in (PACKAGE / name).rglob("*.py")]
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(path.read_bytes())
    digest.update(json.dumps(code_hashes(options), sort_keys=True).encode())
    return digest.hexdigest()
