"""Finds the files that a data set's YAML names: local ones, folders, patterns, URLs."""

import contextlib
import glob
import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.fs

from mtl_cli.core.errors import DataError, first_line
from mtl_cli.core.paths import cache_folder, find_data

FORMATS = {
    ".parquet": "parquet",
    ".feather": "feather",
    ".arrow": "feather",
    ".csv": "csv",
    ".tsv": "tsv",
}
COMPRESSED = (".gz", ".zst", ".bz2")


class Files(NamedTuple):
    """Files of one format that hold a table together."""

    system: Any  # pyarrow.fs.FileSystem
    paths: list[str]
    format: str


def find_files(key: str, path: str, chosen: str) -> Files:
    """Returns the files of a table, sorted.

    Args:
        key: the configuration's key that gave the path, for messages.
        path: of a file, a folder, a pattern with `*`, or a URL.
        chosen: the format, or `auto`.

    Raises:
        DataError: if there are none, or their format is unknown.
    """
    if "://" in path:
        system, paths = find_remote(key, path, chosen)
    else:
        try:
            system, paths = pa.fs.LocalFileSystem(), find_local(key, path, chosen)
        except OSError as error:
            raise DataError(f"{key}: cannot reach '{path}': {error.strerror}") from None
    known = {format_of(found) for found in paths} if chosen == "auto" else {chosen}
    if len(known) > 1 and None not in known:
        raise DataError(
            f"{key}: '{path}' holds files of several formats: "
            f"{', '.join(sorted(map(str, known)))}; take a narrower pattern"
        )
    if None in known:
        raise DataError(
            f"{key}: '{path}' ends in none of {', '.join(FORMATS)}, the text formats "
            "also with .gz or .zst; say with dataset.format which it is"
        )
    return Files(system, paths, str(known.pop()))


def format_of(path: str) -> str | None:
    """Returns the format that a file's ending tells, if any."""
    ending = Path(path).suffix.lower()
    if ending in COMPRESSED:
        inner = FORMATS.get(Path(path).with_suffix("").suffix.lower())
        return inner if inner in ("csv", "tsv") else None
    return FORMATS.get(ending)


def has_rows(file: Path, chosen: str) -> bool:
    """Whether a file of a folder holds rows: Spark and others leave more there.

    Args:
        file: its path from the folder on.
        chosen: the format, or `auto`, which is Parquet.
    """
    hidden = any(part[0] in "._" for part in file.parts)
    return not hidden and (chosen != "auto" or format_of(file.name) == "parquet")


def find_local(key: str, path: str, chosen: str) -> list[str]:
    """Returns the local files of a path, sorted."""
    place = find_data(path)
    if place.is_dir():
        wanted = "parquet" if chosen == "auto" else chosen
        inside = sorted(file for file in place.rglob("*") if not file.is_dir())
        found = [f for f in inside if has_rows(f.relative_to(place), chosen)]
        if not found:
            raise DataError(
                f"{key}: folder '{path}' holds no .{wanted} file; of files of another "
                "format say with dataset.format which it is"
            )
    elif glob.has_magic(path) and not place.exists():
        like = [Path(f) for f in sorted(glob.glob(str(place), recursive=True))]
        found = [file for file in like if not file.is_dir()]
        if not found:
            fix = "; the folders that are like it need '/*' behind" if like else ""
            raise DataError(
                f"{key}: no file is like '{path}' (started in {Path.cwd()}){fix}"
            )
    elif not place.is_file():
        raise DataError(f"{key}: no file '{path}' (started in {Path.cwd()})")
    else:
        found = [place]
    return [str(file) for file in found]


def find_remote(key: str, url: str, chosen: str) -> tuple[Any, list[str]]:
    """Returns the file system of a URL, and the files there."""
    system, path = file_system(key, url)
    try:
        info = system.get_file_info(path)
        if info.type == pa.fs.FileType.Directory:
            inside = system.get_file_info(pa.fs.FileSelector(path, recursive=True))
            files = sorted(file.path for file in inside if file.is_file)
            found = [f for f in files if has_rows(Path(f).relative_to(path), chosen)]
        else:
            found = [path] if info.is_file else []
    except Exception as error:  # each protocol of fsspec has errors of its own
        raise DataError(f"{key}: cannot reach {url}: {first_line(error)}") from None
    if not found:
        raise DataError(f"{key}: no file '{url}'; correct the URL")
    return system, found


def file_system(key: str, url: str) -> tuple[Any, str]:
    """Returns the file system of a URL: Arrow's own, else fsspec's."""
    try:
        system, path = pa.fs.FileSystem.from_uri(url)
        return system, path
    except (pa.ArrowException, OSError):
        pass
    try:
        from fsspec.core import url_to_fs

        system, path = url_to_fs(url)
    except ImportError as error:
        raise DataError(
            f"{key}: {url} needs another package: {first_line(error)}; "
            "pip install 'mtl-cli[remote]' and what is named here"
        ) from None
    except Exception as error:  # each protocol of fsspec has errors of its own
        raise DataError(f"{key}: cannot reach {url}: {first_line(error)}") from None
    return pa.fs.PyFileSystem(pa.fs.FSSpecHandler(system)), path


def fingerprint(tables: dict[str, Files]) -> str:
    """Returns one SHA-256 over the contents of all files; of remote ones, over their
    sizes and times, or whatever else fsspec knows them by.
    """
    digest = hashlib.sha256()
    for name, files in tables.items():
        digest.update(f"{name} {files.format}".encode())
        for path in files.paths:
            try:
                digest.update(file_hash(files, path).encode())
            except OSError as error:
                raise DataError(
                    f"dataset.{name}: cannot read {path}: "
                    f"{error.strerror or first_line(error)}"
                ) from None
    return digest.hexdigest()


def file_hash(files: Files, path: str) -> str:
    """Returns what tells the content of a file from others."""
    if isinstance(files.system, pa.fs.LocalFileSystem):
        return content_hash(Path(path))
    info = files.system.get_file_info(path)
    found = f"{info.path} {info.size} {info.mtime_ns}"
    if isinstance(files.system, pa.fs.PyFileSystem):
        # Arrow asks fsspec for a time that most of its systems name otherwise, so that
        # it gets none.
        found += files.system.handler.fs.ukey(path)
    return found


def content_hash(path: Path) -> str:
    """Returns the SHA-256 of a file, remembered while its size and times stay."""
    about = path.stat()
    # Tools that copy a file give it the old one's mtime, none its ctime.
    stamp = [about.st_size, about.st_mtime_ns, about.st_ctime_ns, about.st_ino]
    name = hashlib.sha256(str(path.resolve()).encode()).hexdigest()
    folder = cache_folder()
    note = None if folder is None else folder / "hashes" / f"{name}.json"
    if note is not None and note.is_file():
        try:
            known = json.loads(note.read_text("utf-8"))
            if known["stamp"] == stamp:
                return str(known["sha256"])
        except (ValueError, KeyError, TypeError, OSError):
            pass  # cut off while it was written: hash again
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if note is not None:
        with contextlib.suppress(OSError):  # the next run hashes again
            note.parent.mkdir(parents=True, exist_ok=True)
            note.write_text(json.dumps({"stamp": stamp, "sha256": found}), "utf-8")
    return found
