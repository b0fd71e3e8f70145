"""Encoded splits on disk: written chunk by chunk, whole or not at all, found again."""

import atexit
import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from mtl_cli.data.split import SPLITS
from mtl_cli.data.table import Array, ArrayFile, StoredTable
from mtl_cli.errors import DataError
from mtl_cli.paths import PACKAGE, cache_folder

MANIFEST = "manifest"
DAYS_KEPT = 30
CRC_BLOCK_BYTES = 1 << 22
# Of larger files only the size is checked, so that a run starts at once.
BYTES_TO_CHECK = 1 << 28


class Writer:
    """Writes the arrays of splits, which grow chunk by chunk.

    Args:
        folder: to write to.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.arrays: dict[str, dict[str, Any]] = {}
        self.files: dict[str, Any] = {}

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, *_: object) -> None:
        for file in self.files.values():
            file.close()

    def add(self, split: str, name: str, x: Array) -> None:
        """Appends rows to an array of a split."""
        key = f"{split}.{name}"
        if key not in self.files:
            width = x.shape[1] if x.ndim == 2 else None
            file = f"{len(self.files)}.bin"
            self.files[key] = (self.folder / file).open("wb")
            self.arrays[key] = {
                "file": file,
                "dtype": x.dtype.str,
                "width": width,
                "rows": 0,
                "crc": 0,
            }
        content = x.tobytes()
        self.files[key].write(content)
        self.arrays[key]["rows"] += len(x)
        self.arrays[key]["crc"] = zlib.crc32(content, self.arrays[key]["crc"])

    def tables(self) -> dict[str, StoredTable]:
        """Returns the rows of each split, once all are written."""
        for file in self.files.values():
            file.flush()
            os.fsync(file.fileno())
        return stored(self.folder, self.arrays)

    def close(self, record: dict[str, Any]) -> None:
        """Writes what else there is to know of the data, last: a checksum and JSON."""
        text = json.dumps({"arrays": self.arrays, **record}, allow_nan=False)
        crc = zlib.crc32(text.encode())
        (self.folder / MANIFEST).write_text(f"{crc}\n{text}", "utf-8")


class Entry:
    """A finished folder of encoded splits.

    Args:
        folder: that a `Writer` filled.
        found: whether it was there before.

    Raises:
        ValueError: if it is not as it was written.
    """

    def __init__(self, folder: Path, found: bool = False) -> None:
        self.folder = folder
        self.found = found
        crc, _, text = (folder / MANIFEST).read_text("utf-8").partition("\n")
        if int(crc) != zlib.crc32(text.encode()):
            raise ValueError(f"{folder / MANIFEST} is not as it was written")
        self.record = json.loads(text)
        for about in self.record["arrays"].values():
            width = 1 if about["width"] is None else about["width"]
            size = int(about["dtype"][2:]) * width * about["rows"]
            path = folder / about["file"]
            if path.stat().st_size != size or (
                size < BYTES_TO_CHECK and not self.intact(path, about["crc"])
            ):
                raise ValueError(f"{path} is not as it was written")

    @staticmethod
    def intact(path: Path, crc: int) -> bool:
        """Whether a file's checksum is what it was."""
        found = 0
        with path.open("rb") as file:
            while block := file.read(CRC_BLOCK_BYTES):
                found = zlib.crc32(block, found)
        return found == crc

    def array(self, split: str, name: str) -> Array:
        """Maps one array of a split into memory."""
        about = self.record["arrays"][f"{split}.{name}"]
        path = self.folder / about["file"]
        return ArrayFile(path, about["dtype"], about["width"]).map(about["rows"])

    def tables(self) -> dict[str, StoredTable]:
        """Returns the rows of each split."""
        return stored(self.folder, self.record["arrays"])


def stored(folder: Path, arrays: dict[str, dict[str, Any]]) -> dict[str, StoredTable]:
    """Returns the rows of each split, whose arrays lie in a folder."""
    found: dict[str, dict[str, ArrayFile]] = {}
    rows = {}
    for key, about in arrays.items():
        split, _, name = key.partition(".")
        rows[split] = about["rows"]
        if name != "row_numbers":
            file = ArrayFile(folder / about["file"], about["dtype"], about["width"])
            found.setdefault(split, {})[name] = file
    return {s: StoredTable(rows[s], found[s]) for s in SPLITS if s in found}


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
    for path in sorted([*(PACKAGE / "data").rglob("*.py"), PACKAGE / "tasks.py"]):
        digest.update(path.read_bytes())
    return digest.hexdigest()
