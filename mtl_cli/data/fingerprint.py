"""Hashes the files of tables, so that a change of any file is noticed."""

import contextlib
import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.fs

from mtl_cli.core.atomic_write import write_text
from mtl_cli.core.cache_folder import cache_folder, make_subfolder
from mtl_cli.core.errors import DAMAGED_FILE_ERRORS, DataError, WriteError, first_line
from mtl_cli.core.other_files import read_json_object
from mtl_cli.core.written_files import sha256
from mtl_cli.data.files import Files

# What fsspec says of a file although its content has not changed: the times of the last
# access in SFTP, WebHDFS and Azure, and the signed URL to which HTTP may redirect.
VARYING_DETAILS = ("time", "accessTime", "last_accessed_on", "url")


def hash_table(name: str, files: Files) -> str:
    """Returns a SHA-256 that changes if the name, or a file, of a table changes.

    With the name `train`, this is `Data.train_hash` of a run that is trained on the
    table. The folder of local files does not matter.
    """
    return hash_versions([version_of_table(name, files)])


def hash_versions(versions: Iterable[str]) -> str:
    """Returns one SHA-256 of the versions of several tables, see `version_of_table`."""
    return hashlib.sha256("".join(versions).encode()).hexdigest()


def version_of_table(table_name: str, files: Files) -> str:
    """Returns a text that changes if a file of a table changes.

    The text depends on the content of a local file. For a remote file, it depends on
    the path, size and time of change, so that the file need not be downloaded.
    """
    version = f"{table_name} {files.format}"
    for path in files.paths:
        try:
            version += version_of_file(files.system, path)
        except Exception as error:  # each protocol of fsspec raises its own errors
            reason = getattr(error, "strerror", None) or first_line(error)
            raise DataError(
                f"{files.key}: cannot read {path}: {reason}; check the file"
            ) from None
    return version


def version_of_file(system: pa.fs.FileSystem, path: str) -> str:
    """Returns a text that changes when the content of a file changes."""
    if isinstance(system, pa.fs.LocalFileSystem):
        return content_hash(Path(path))
    info = system.get_file_info(path)
    version = f"{info.path} {info.size} {info.mtime_ns}"
    if isinstance(system, pa.fs.PyFileSystem):
        # Each of fsspec's file systems has its own name for the time of change. Arrow
        # knows only one of these names, so `mtime_ns` is often None.
        details = system.handler.fs.info(path)
        version += str({k: v for k, v in details.items() if k not in VARYING_DETAILS})
    return version


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
    # If the file of the cache is missing or damaged, the data file is hashed again.
    with contextlib.suppress(*DAMAGED_FILE_ERRORS):
        values = read_json_object(cache_file)
        if values["stamp"] == stamp:
            return str(values["sha256"])
    file_hash = sha256(path)
    with contextlib.suppress(WriteError):
        write_text(cache_file, json.dumps({"stamp": stamp, "sha256": file_hash}))
    return file_hash


def hash_cache_file(path: Path) -> Path | None:
    """Returns None without a cache."""
    with contextlib.suppress(OSError):  # the cache cannot be made
        if cache := cache_folder():
            path_hash = hashlib.sha256(str(path.resolve()).encode()).hexdigest()
            return make_subfolder(cache, "hashes") / f"{path_hash}.json"
    return None
