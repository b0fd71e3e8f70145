"""Hashes the files of tables, so that a change of any file is noticed."""

import contextlib
import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.fs

from mtl_cli.core.atomic_write import write_text
from mtl_cli.core.cache_folder import make_cache_subfolder
from mtl_cli.core.errors import DataError, MtlError, WriteError, first_line
from mtl_cli.core.locations import Location
from mtl_cli.core.other_files import read_json_object
from mtl_cli.core.written_files import sha256
from mtl_cli.data.files import Files, find_files

# For fsspec, a file behind HTTP never changes: its `ukey` depends on the URL alone. So
# these headers of the server's answer are used, which change with the file.
HTTP_VERSION_HEADERS = ("ETag", "Content-MD5", "Digest", "Last-Modified")


def hash_files(tables: dict[str, Files]) -> str:
    """Returns one SHA-256 that changes if a file of one of the tables changes."""
    return hash_versions(
        version_of_table(name, files) for name, files in tables.items()
    )


def hash_versions(versions: Iterable[str]) -> str:
    """Returns one SHA-256 of the versions of several tables, see `version_of_table`."""
    return hashlib.sha256("".join(versions).encode()).hexdigest()


def version_of_table(table_name: str, files: Files) -> str:
    """Returns a text that changes if a file of a table changes.

    The text depends on the content of a local file. For a remote file, it depends on
    the path, size and time of change, so that the file need not be downloaded, see
    `version_of_file`.
    """
    version = f"{table_name} {files.format}"
    for path in files.paths:
        try:
            version += version_of_file(files.system, path)
        except MtlError:  # `MTL_CACHE` is wrong, not the file
            raise
        except Exception as error:  # each protocol of fsspec raises its own errors
            reason = getattr(error, "strerror", None) or first_line(error)
            raise DataError(
                f"{files.key}: cannot read {path}: {reason}; check the file"
            ) from None
    return version


def hash_table(location: Location, file_format: str) -> str:
    """Returns the hash of a table, as `Data.train_hash` if a run is trained on it.

    The hash does not depend on the folder of local files.
    """
    return hash_files({"train": find_files("TABLE", location, file_format)})


def version_of_file(system: pa.fs.FileSystem, path: str) -> str:
    """Returns a text that changes when the content of a file changes."""
    if isinstance(system, pa.fs.LocalFileSystem):
        return content_hash(Path(path))
    info = system.get_file_info(path)
    version = f"{info.path} {info.size} {info.mtime_ns}"
    if isinstance(system, pa.fs.PyFileSystem):
        # Each of fsspec's file systems has its own name for the time of change. Arrow
        # knows only one of these names, so `mtime_ns` is often None.
        version += version_by_fsspec(system.handler.fs, path)
    return version


def version_by_fsspec(system: Any, path: str) -> str:
    """Returns a text that changes with a file in one of fsspec's file systems.

    `ukey` is such a text, except for HTTP.
    """
    from fsspec import AbstractFileSystem

    info = system.info(path)
    if type(system).ukey is AbstractFileSystem.ukey:
        # The default `ukey` hashes all that is known of the file. For SFTP, the hash
        # includes `time`, the time of the last access: reading the file changes this
        # time. So the same values are used here without `time`.
        version = str({key: value for key, value in info.items() if key != "time"})
    else:
        version = str(system.ukey(path))
    return version + "".join(str(info.get(h, "")) for h in HTTP_VERSION_HEADERS)


def content_hash(path: Path) -> str:
    """Returns the SHA-256 of a local file.

    The hash is kept in the cache, together with the file's size, times and inode. As
    long as these are the same, later calls do not read the file.
    """
    status = path.stat()
    # A tool that replaces a file can keep its mtime, but not its ctime.
    stamp = [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]
    cache_file = hash_cache_file(path)
    if cache_file is None:
        return sha256(path)
    cached_hash = read_cached_hash(cache_file, stamp)
    if cached_hash is not None:
        return cached_hash
    file_hash = sha256(path)
    with contextlib.suppress(WriteError):
        write_text(cache_file, json.dumps({"stamp": stamp, "sha256": file_hash}))
    return file_hash


def hash_cache_file(path: Path) -> Path | None:
    """Returns the cache's file for the hash of a data file; None without a cache."""
    with contextlib.suppress(OSError):  # the cache cannot be made
        if folder := make_cache_subfolder("hashes"):
            path_hash = hashlib.sha256(str(path.resolve()).encode()).hexdigest()
            return folder / f"{path_hash}.json"
    return None


def read_cached_hash(cache_file: Path, stamp: list[int]) -> str | None:
    """Returns the hash in a file of the cache; None if the file has another stamp.

    The stamp is the size, times and inode of the data file that was hashed.
    """
    if cache_file.exists():
        # If this file of the cache is damaged or unreadable, the caller hashes again.
        with contextlib.suppress(ValueError, KeyError, TypeError, OSError):
            values = read_json_object(cache_file)
            if values["stamp"] == stamp:
                return str(values["sha256"])
    return None
