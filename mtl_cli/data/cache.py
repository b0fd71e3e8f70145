"""Encoded splits that are kept: whole or not at all, found again, swept in the end."""

import atexit
import contextlib
import fcntl
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from mtl_cli.core.errors import DataError
from mtl_cli.core.paths import PACKAGE, cache_folder
from mtl_cli.data.cache_entry import Entry

DAYS_KEPT = 30
# The packages whose code decides what is encoded, and what the data report says.
ENCODING_CODE = ("columns", "data", "features", "generators", "metrics", "tasks")


def find(key: str) -> Entry | None:
    """Returns what was encoded under a key, if it is there and whole."""
    root = cache_folder()
    folder = None if root is None else root / "encoded" / key
    if folder is None or not folder.is_dir():
        return None
    try:
        entry = Entry(folder, found=True)
        os.utime(folder)
        return entry
    except (ValueError, KeyError, TypeError, OSError):
        shutil.rmtree(folder, ignore_errors=True)
        return None


def encoded(key: str, encode: Callable[[Path], None]) -> Entry:
    """Returns what is kept under a key; if there is nothing, it is encoded first.

    Of processes that want the same at once, one encodes and the others wait for it.

    Args:
        key: of the content.
        encode: fills a folder by way of a `Writer`.

    Raises:
        DataError: if the disk is full or the cache cannot be written.
    """
    entry = find(key)
    if entry is not None:
        return entry
    folder = None
    try:
        with turn(key):
            entry = find(key)  # which the process before us may have encoded
            if entry is not None:
                return entry
            folder = new_folder()
            encode(folder)
            return keep(folder, key)
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
def turn(key: str) -> Iterator[None]:
    """Waits until no other process encodes under the same key.

    Where files cannot be locked nobody waits: then two encode the same, which is slower
    and ends with the same content.
    """
    root = cache_folder()
    if root is None:
        yield
        return
    path = root / "turns" / key
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        with contextlib.suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def new_folder() -> Path:
    """Returns an empty folder to encode into; without a cache it ends with us."""
    root = cache_folder()
    if root is None:
        folder = Path(tempfile.mkdtemp(prefix="mtl-cli-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        return folder
    root = root / "encoded"
    root.mkdir(parents=True, exist_ok=True)
    sweep(root)
    return Path(tempfile.mkdtemp(prefix="tmp-", dir=root))


def keep(folder: Path, key: str) -> Entry:
    """Gives a finished folder its name."""
    root = cache_folder()
    if root is None:
        return Entry(folder)
    target = root / "encoded" / key
    try:
        folder.rename(target)
    except OSError:
        entry = find(key)  # which another process has finished in the meantime
        if entry is None:
            raise
        return entry
    return Entry(target)


def sweep(root: Path) -> None:
    """Removes what nobody has used for long, and what was cut off."""
    for folder in root.iterdir():
        with contextlib.suppress(OSError):
            age = time.time() - folder.stat().st_mtime
            if age > DAYS_KEPT * 86400 or (folder.name[:4] == "tmp-" and age > 86400):
                shutil.rmtree(folder)


def code_version() -> str:
    """Returns a hash of the code that encodes, so that old results are not taken."""
    digest = hashlib.sha256()
    files = (path for part in ENCODING_CODE for path in (PACKAGE / part).rglob("*.py"))
    for path in sorted(files):
        digest.update(path.read_bytes())
    return digest.hexdigest()
