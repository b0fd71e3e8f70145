"""Hashes the files of tables, so that a change of any file is noticed."""

import contextlib
import hashlib
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.fs

from mtl_cli.core.atomic_write import replacing
from mtl_cli.core.errors import DataError, WriteError, first_line
from mtl_cli.core.other_files import read_json_object
from mtl_cli.core.paths import cache_subfolder
from mtl_cli.data.files import Files


def fingerprint(tables: dict[str, Files]) -> str:
    """Returns one SHA-256 that changes with any file of any table.

    The hash covers the contents of local files. For remote files it covers the sizes
    and times, or other properties by which fsspec detects a change.

    Args:
        tables: {split: its files}.

    Raises:
        DataError: if a file cannot be read.
    """
    digest = hashlib.sha256()
    for split, files in tables.items():
        digest.update(f"{split} {files.format}".encode())
        for name in files.names:
            try:
                digest.update(version_of_file(files.system, name).encode())
            except OSError as error:
                raise DataError(
                    f"dataset.{split}: cannot read {name}: "
                    f"{error.strerror or first_line(error)}"
                ) from None
    return digest.hexdigest()


def version_of_file(system: pa.fs.FileSystem, path: str) -> str:
    """Returns a text that changes when the content of a file changes."""
    if isinstance(system, pa.fs.LocalFileSystem):
        return content_hash(Path(path))
    info = system.get_file_info(path)
    version = f"{info.path} {info.size} {info.mtime_ns}"
    if isinstance(system, pa.fs.PyFileSystem):
        # fsspec's file systems name the time differently, and Arrow does not find it.
        version += system.handler.fs.ukey(path)
    return version


def content_hash(path: Path) -> str:
    """Returns a file's SHA-256.

    The cache remembers the hash for as long as the file's size and times do not change.
    """
    status = path.stat()
    # A tool that replaces a file can keep its mtime, but not its ctime.
    stamp = [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]
    name = hashlib.sha256(str(path.resolve()).encode()).hexdigest()
    memo = None
    with contextlib.suppress(OSError):  # without a memo the file is hashed again
        folder = cache_subfolder("hashes")
        memo = None if folder is None else folder / f"{name}.json"
    if memo is not None and memo.exists():
        try:
            remembered = read_json_object(memo)
            if remembered["stamp"] == stamp:
                return str(remembered["sha256"])
        except (ValueError, KeyError, TypeError, OSError):
            pass  # the memo was not written to its end, so the file is hashed again
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    if memo is not None:
        with contextlib.suppress(WriteError), replacing(memo) as temporary:
            temporary.write_text(json.dumps({"stamp": stamp, "sha256": sha256}))
    return sha256
