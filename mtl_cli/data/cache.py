"""The cache of encoded splits: an entry is whole or absent, and old entries go."""

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

from mtl_cli.core.errors import DataError
from mtl_cli.core.paths import PACKAGE, cache_folder
from mtl_cli.data.cache_entry import Entry

DAYS_KEPT = 30
# The packages whose code decides what is encoded, and what the data report says.
ENCODING_CODE = (
    "columns",
    "data",
    "features",
    "generators",
    "heads",
    "metrics",
    "tasks",
)


def find_entry(key: str) -> Entry | None:
    """Returns the entry of a key, if there is one; removes a damaged entry."""
    root = cache_folder()
    folder = None if root is None else root / "encoded" / key
    if folder is None or not folder.is_dir():
        return None
    try:
        entry = Entry(folder, was_cached=True)
        os.utime(folder)
        return entry
    except (ValueError, KeyError, TypeError, OSError):
        shutil.rmtree(folder, ignore_errors=True)
        return None


def find_or_encode(key: str, encode: Callable[[Path], None]) -> Entry:
    """Returns the entry of a key; encodes it first if there is none.

    If several processes want the same entry, one encodes it while all others wait.

    Args:
        key: a hash of all that the encoded form depends on.
        encode: fills a folder by means of a `Writer`.

    Raises:
        DataError: if the disk is full or the cache cannot be written.
    """
    entry = find_entry(key)
    if entry is not None:
        return entry
    folder = None
    try:
        with encoding_lock(key):
            entry = find_entry(key)  # another process may have encoded it meanwhile
            if entry is not None:
                return entry
            folder = new_folder()
            encode(folder)
            return publish(folder, key)
    except OSError as error:
        where = cache_folder() or tempfile.gettempdir()
        raise DataError(
            f"cannot keep encoded data in {where}: {error.strerror or error}; make "
            "room, or name another folder with the environment's MTL_CACHE"
        ) from None
    finally:
        if folder is not None and cache_folder() is not None:
            shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def encoding_lock(key: str) -> Iterator[None]:
    """Waits until no other process encodes the entry of the same key.

    On a file system without locks nobody waits. Two processes may then encode the same
    rows; this takes longer and gives the same content.
    """
    root = cache_folder()
    if root is None:
        yield
        return
    path = root / "locks" / key
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        with contextlib.suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def new_folder() -> Path:
    """Returns an empty folder to encode into; without a cache, a temporary folder."""
    root = cache_folder()
    if root is None:
        folder = Path(tempfile.mkdtemp(prefix="mtl-cli-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        return folder
    entries = root / "encoded"
    entries.mkdir(parents=True, exist_ok=True)
    for old in entries.iterdir():
        with contextlib.suppress(OSError):
            days = (time.time() - old.stat().st_mtime) / 86400
            was_cut_off = old.name.startswith("tmp-") and days > 1
            if days > DAYS_KEPT or was_cut_off:
                shutil.rmtree(old)
    return Path(tempfile.mkdtemp(prefix="tmp-", dir=entries))


def publish(folder: Path, key: str) -> Entry:
    """Makes a finished folder the entry of a key."""
    root = cache_folder()
    if root is None:
        return Entry(folder)
    try:
        return Entry(folder.rename(root / "encoded" / key))
    except OSError:
        entry = find_entry(key)  # another process may have finished it meanwhile
        if entry is None:
            raise
        return entry


def code_version(options: Iterable[object] = ()) -> str:
    """Returns a hash of the code that encodes: other code does not use its entries.

    Args:
        options: objects whose classes may come from plugins: the data set, its features
            and its tasks. All files of a plugin count.
    """
    files = [p for name in ENCODING_CODE for p in (PACKAGE / name).rglob("*.py")]
    packages = {type(option).__module__.partition(".")[0] for option in options}
    for package in packages - {PACKAGE.name}:
        for folder in getattr(sys.modules[package], "__path__", []):
            files += Path(folder).rglob("*.py")
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(path.read_bytes())
    return digest.hexdigest()
