"""Finds the files of a table by a path, folder, pattern or URL."""

import glob
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

import pyarrow as pa
import pyarrow.fs

from mtl_cli.core.errors import DataError, first_line, shown
from mtl_cli.core.other_files import UnsafeFileError, check_data_file
from mtl_cli.core.paths import find_data

FORMATS = {
    ".parquet": "parquet",
    ".feather": "feather",
    ".arrow": "feather",
    ".csv": "csv",
    ".tsv": "tsv",
}
# Arrow signs requests to these with the credentials of the user.
SIGNED_PROTOCOLS = ("s3", "gs", "gcs", "abfs", "abfss", "hdfs", "viewfs")
# Other protocols of fsspec read templates, archives or caches that a URL names.
PROTOCOLS = (
    *("abfs", "abfss", "adl", "az", "file", "ftp", "gcs", "gs", "hdfs", "http"),
    *("https", "memory", "oci", "oss", "s3", "sftp", "viewfs", "webhdfs"),
)
COMPRESSED = (".gz", ".zst", ".bz2")


class Files(NamedTuple):
    """The files of a table, all of one format.

    Attributes:
        key: the configuration's key that names the table.
        path: the file, folder, pattern or URL that the key holds.
        system: the file system that holds the files.
        names: the paths of the files in the file system, sorted.
        format: `parquet`, `feather`, `csv` or `tsv`.
    """

    key: str
    path: str
    system: pa.fs.FileSystem
    names: list[str]
    format: str

    def shown(self, name: str) -> str:
        """Returns a file's path for messages: as configured for a table of one file."""
        return self.path if len(self.names) == 1 else name


def find_files(key: str, path: str, file_format: str) -> Files:
    """Returns the files of a table.

    Args:
        key: the configuration's key that names the table.
        path: a file, a folder, a pattern with `*`, or a URL.
        file_format: the format of the files, or `auto`.

    Raises:
        DataError: if there is no file, or its format is unknown.
    """
    system: pa.fs.FileSystem = pa.fs.LocalFileSystem()
    if path.lower().startswith("file://"):
        path = unquote(urlsplit(path).path)
    if "://" in path:
        system, names = find_remote(key, path, file_format)
    else:
        try:
            files = find_local(key, path, file_format)
            for file in files:
                check_data_file(file)
            names = [str(file) for file in files]
        except UnsafeFileError as error:
            raise DataError(f"{key}: {error}") from None
        except OSError as error:
            raise DataError(f"{key}: cannot reach '{path}': {error.strerror}") from None
    formats = {file_format}
    if file_format == "auto":
        formats = {format_by_ending(name) or "" for name in names}
    if "" in formats:
        raise DataError(
            f"{key}: '{path}' ends in none of {', '.join(FORMATS)} (.csv and .tsv may "
            "be followed by .gz, .zst or .bz2); name the format in dataset.format, or "
            "unpack an archive"
        )
    if len(formats) > 1:
        raise DataError(
            f"{key}: '{path}' holds files of several formats: "
            f"{', '.join(sorted(formats))}; take a narrower pattern"
        )
    return Files(key, path, system, names, formats.pop())


def format_by_ending(path: str) -> str | None:
    """Returns the format that a file's ending names, None if it names no format."""
    file = Path(path)
    if file.suffix.lower() in COMPRESSED:
        inner = FORMATS.get(file.with_suffix("").suffix.lower())
        return inner if inner in ("csv", "tsv") else None
    return FORMATS.get(file.suffix.lower())


def is_table_file(file: Path, file_format: str) -> bool:
    """Whether a file in the folder of a table holds rows of the table.

    Spark and other programs write hidden files into the folder too. The format `auto`
    takes only Parquet files from a folder.

    Args:
        file: the file's path, relative to the folder.
        file_format: the format of the files, or `auto`.
    """
    is_hidden = any(name[0] in "._" for name in file.parts)
    has_format = file_format != "auto" or format_by_ending(file.name) == "parquet"
    return has_format and not is_hidden


def find_local(key: str, path: str, file_format: str) -> list[Path]:
    """Returns the local files of a path, folder or pattern, sorted."""
    target = find_data(path)
    if target.is_dir():
        inside = sorted(file for file in target.rglob("*") if not file.is_dir())
        files = [f for f in inside if is_table_file(f.relative_to(target), file_format)]
        if not files:
            ending = "parquet" if file_format == "auto" else file_format
            raise DataError(
                f"{key}: folder '{path}' holds no .{ending} file; name another format "
                "in dataset.format"
            )
        return files
    if target.is_file():
        return [target]
    if target.exists() or not glob.has_magic(path):
        raise DataError(f"{key}: no file '{path}' (started in {Path.cwd()})")
    matches = [Path(f) for f in sorted(glob.glob(str(target), recursive=True))]
    files = [file for file in matches if not file.is_dir()]
    if not files:
        fix = (
            "; only folders match the pattern: add '/*' for their files"
            if matches
            else ""
        )
        raise DataError(
            f"{key}: no file matches '{path}' (started in {Path.cwd()}){fix}"
        )
    return files


def find_remote(
    key: str, url: str, file_format: str
) -> tuple[pa.fs.FileSystem, list[str]]:
    """Returns the file system of a URL, and the files of the URL in it, sorted."""
    system, path = open_file_system(key, url)
    try:
        info = system.get_file_info(path)
        if info.type == pa.fs.FileType.Directory:
            inside = system.get_file_info(pa.fs.FileSelector(path, recursive=True))
            names = [
                name
                for name in sorted(file.path for file in inside if file.is_file)
                if is_table_file(Path(name).relative_to(path), file_format)
            ]
        else:
            names = [path] if info.is_file else []
    except Exception as error:  # each protocol of fsspec raises its own errors
        raise DataError(f"{key}: cannot reach {url}: {first_line(error)}") from None
    if not names:
        raise DataError(f"{key}: {reason_of_absence(system, path, url)}")
    return system, names


def reason_of_absence(system: pa.fs.FileSystem, path: str, url: str) -> str:
    """Returns why a URL gives no file: it cannot be reached, or there is no file."""
    if "*" in path:
        return f"no file '{url}'; a URL is not a pattern: name a file or a folder"
    if isinstance(system, pa.fs.PyFileSystem):
        try:
            system.handler.fs.info(path)
        except Exception as error:  # each protocol of fsspec raises its own errors
            # fsspec says that there is no file if a server cannot be reached too.
            cause = error.__cause__ or error
            if not isinstance(cause, FileNotFoundError):
                return f"cannot reach {url}: {first_line(cause)}"
    return f"no file '{url}'; correct the URL"


def check_query(key: str, url: str) -> None:
    """Refuses a URL with a parameter that says where or how to send credentials.

    A configuration may come from someone else. Arrow would sign its requests with the
    user's credentials, and send them to any host that `endpoint_override` names.
    """
    parts = urlsplit(url)
    for name, _ in parse_qsl(parts.query, keep_blank_values=True):
        is_safe = parts.scheme == "s3" and name == "region"
        if parts.scheme in SIGNED_PROTOCOLS and not is_safe:
            raise DataError(
                f"{key}: {shown(name)} in a URL may send your credentials to someone "
                "else; remove it, and name a server of your own in the environment "
                "variable AWS_ENDPOINT_URL"
            )


def open_file_system(key: str, url: str) -> tuple[pa.fs.FileSystem, str]:
    """Returns the file system of a URL, and the path in it.

    The file system is Arrow's own, or fsspec's for other protocols.
    """
    protocol = url.partition("://")[0].lower()
    if protocol not in PROTOCOLS:
        raise DataError(
            f"{key}: '{protocol}' is none of the protocols {', '.join(PROTOCOLS)}; "
            "give a URL of one of these, or a file"
        )
    check_query(key, url)
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
            "pip install 'mtl-cli[remote]' and the package that the error names"
        ) from None
    except Exception as error:  # each protocol of fsspec raises its own errors
        raise DataError(f"{key}: cannot reach {url}: {first_line(error)}") from None
    return pa.fs.PyFileSystem(pa.fs.FSSpecHandler(system)), path
