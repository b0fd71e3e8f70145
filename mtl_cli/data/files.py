"""Finds the files of a table by a path, folder, pattern or URL."""

import glob
import re
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
# With these protocols, Arrow signs each request with the user's credentials.
SIGNED_PROTOCOLS = ("s3", "gs", "gcs", "abfs", "abfss", "hdfs", "viewfs")
# The hosts of Azure's storage: public, of China and of the US government; OneLake.
AZURE_HOST = re.compile(
    r"([a-z0-9-]+\.)+(core\.(windows\.net|chinacloudapi\.cn|usgovcloudapi\.net)"
    r"|fabric\.microsoft\.com)",
    re.IGNORECASE,
)
# The allowed protocols do no more than read a file. The other protocols of fsspec are
# refused: their URLs can run a template (`reference`), unpack an archive (`zip`) or
# write a cache file on this machine (`filecache`), and a configuration may come from
# someone else.
PROTOCOLS = (
    *("abfs", "abfss", "adl", "az", "file", "ftp", "gcs", "gs", "hdfs", "http"),
    *("https", "memory", "oci", "oss", "s3", "sftp", "viewfs", "webhdfs"),
)
COMPRESSED = (".gz", ".zst", ".bz2")


class Files(NamedTuple):
    """The files of a table, all of one format.

    Attributes:
        key: the configuration's key that names the table.
        configured_path: the file, folder, pattern or URL that the key holds.
        system: the file system that holds the files.
        paths: the path of each file in the file system, sorted.
        format: `parquet`, `feather`, `csv` or `tsv`.
    """

    key: str
    configured_path: str
    system: pa.fs.FileSystem
    paths: list[str]
    format: str

    def path_for_messages(self, path: str) -> str:
        """Returns how messages name a file of the table.

        The only file of a table is named as in the configuration, so that users
        recognise it. Several files are named by their own paths.
        """
        return self.configured_path if len(self.paths) == 1 else path


def find_files(key: str, path: str, file_format: str) -> Files:
    """Finds the files of a table and their common format.

    Args:
        key: the configuration's key that names the table.
        path: a file, a folder, a pattern with `*`, or a URL.
        file_format: the format of the files; `auto` finds it by their endings.

    Raises:
        DataError: if there is no file, the format is unknown, or formats differ.
    """
    system: pa.fs.FileSystem = pa.fs.LocalFileSystem()
    if path.lower().startswith("file://"):
        path = unquote(urlsplit(path).path)
    if "://" in path:
        system, paths = find_remote(key, path, file_format)
    else:
        try:
            files = find_local(key, path, file_format)
            for file in files:
                check_data_file(file)
            paths = [str(file) for file in files]
        except UnsafeFileError as error:
            raise DataError(f"{key}: {error}") from None
        except OSError as error:
            raise DataError(f"{key}: cannot reach '{path}': {error.strerror}") from None
    formats = {file_format}
    if file_format == "auto":
        formats = {format_by_ending(file_path) or "" for file_path in paths}
    if "" in formats:
        raise DataError(
            f"{key}: '{path}' does not end in one of {', '.join(FORMATS)} (only .csv "
            "and .tsv may be followed by .gz, .zst or .bz2); name the format in "
            "dataset.format, or unpack an archive"
        )
    if len(formats) > 1:
        raise DataError(
            f"{key}: '{path}' holds files of several formats: "
            f"{', '.join(sorted(formats))}; give a pattern for files of one format"
        )
    return Files(key, path, system, paths, formats.pop())


def format_by_ending(path: str) -> str | None:
    """Returns the format that belongs to a file's ending; None if it is not known.

    >>> format_by_ending("rows.csv.gz"), format_by_ending("rows.parquet.gz")
    ('csv', None)
    """
    file = Path(path)
    if file.suffix.lower() in COMPRESSED:
        inner = FORMATS.get(file.with_suffix("").suffix.lower())
        return inner if inner in ("csv", "tsv") else None
    return FORMATS.get(file.suffix.lower())


def is_table_file(file: Path, file_format: str) -> bool:
    """Whether a file in the folder of a table holds rows of the table.

    Files and folders whose names start with `.` or `_` are left out, because Spark and
    other programs write such files beside the rows. With the format `auto`, only
    Parquet files are taken. With another format, all other files are taken, whatever
    their endings are.

    Args:
        file: the file's path, relative to the folder.
        file_format: the format of the files, or `auto`.
    """
    is_hidden = any(name[0] in "._" for name in file.parts)
    has_format = file_format != "auto" or format_by_ending(file.name) == "parquet"
    return has_format and not is_hidden


def find_local(key: str, path: str, file_format: str) -> list[Path]:
    """Returns the local files that a path, folder or pattern names, sorted."""
    target = find_data(path)
    if target.is_dir():
        found = sorted(file for file in target.rglob("*") if not file.is_dir())
        files = [f for f in found if is_table_file(f.relative_to(target), file_format)]
        if not files and file_format == "auto":
            raise DataError(
                f"{key}: folder '{path}' holds no .parquet file; for files of another "
                "format set dataset.format"
            )
        if not files:
            raise DataError(
                f"{key}: folder '{path}' holds no file, apart from files whose names "
                "start with '.' or '_'; name the folder that holds the table's files"
            )
        return files
    if target.is_file():
        return [target]
    if target.exists() or not glob.has_magic(path):
        raise DataError(
            f"{key}: no file '{path}' (current folder: {Path.cwd()}); correct the path"
        )
    matches = [Path(f) for f in sorted(glob.glob(str(target), recursive=True))]
    files = [file for file in matches if not file.is_dir()]
    if not files:
        fix = "correct the pattern"
        if matches:
            fix = "only folders match the pattern: add '/*' for their files"
        raise DataError(
            f"{key}: no file matches '{path}' (current folder: {Path.cwd()}); {fix}"
        )
    return files


def find_remote(
    key: str, url: str, file_format: str
) -> tuple[pa.fs.FileSystem, list[str]]:
    """Finds the files that a URL names.

    Returns: the file system, and the sorted paths of the files in this file system.
    """
    system, path = open_file_system(key, url)
    try:
        info = system.get_file_info(path)
        if info.type == pa.fs.FileType.Directory:
            infos = system.get_file_info(pa.fs.FileSelector(path, recursive=True))
            paths = [
                file_path
                for file_path in sorted(info.path for info in infos if info.is_file)
                if is_table_file(Path(file_path).relative_to(path), file_format)
            ]
        else:
            paths = [path] if info.is_file else []
    except Exception as error:  # each protocol of fsspec raises its own errors
        raise DataError(f"{key}: cannot reach {url}: {first_line(error)}") from None
    if not paths:
        raise DataError(f"{key}: {reason_of_absence(system, path, url)}")
    return system, paths


def reason_of_absence(system: pa.fs.FileSystem, path: str, url: str) -> str:
    """Returns why a URL names no file, and how to fix it.

    If a server cannot be reached, some of fsspec's file systems report that the file
    does not exist. The cause of this report then says that the server was not reached.
    """
    if "*" in path:
        return f"no file '{url}'; a URL cannot hold a pattern: name a file or a folder"
    if isinstance(system, pa.fs.PyFileSystem):
        try:
            system.handler.fs.info(path)
        except Exception as error:  # each protocol of fsspec raises its own errors
            cause = error.__cause__ or error
            if not isinstance(cause, FileNotFoundError):
                return f"cannot reach {url}: {first_line(cause)}"
    return f"no file '{url}'; correct the URL"


def check_server(key: str, url: str) -> None:
    """Refuses a URL that makes Arrow send the user's credentials to any server.

    A configuration may come from someone else. With `endpoint_override` or similar
    parameters of a protocol in `SIGNED_PROTOCOLS`, Arrow would sign its requests with
    the user's credentials and send them to a server that the author of the URL has
    chosen. Only `region` of S3 is allowed. For the protocols of Azure, Arrow sends the
    token of the user's login to any host in the URL, so the host must be Microsoft's.
    """
    parts = urlsplit(url)
    for name, _ in parse_qsl(parts.query, keep_blank_values=True):
        is_safe = parts.scheme == "s3" and name == "region"
        if parts.scheme in SIGNED_PROTOCOLS and not is_safe:
            fix = "remove it"
            if parts.scheme == "s3":
                fix += "; to use a server of your own, set the environment variable "
                fix += "AWS_ENDPOINT_URL"
            raise DataError(
                f"{key}: {shown(name)} in a URL may send your credentials to someone "
                f"else; {fix}"
            )
    host = parts.netloc.rpartition("@")[2]
    if parts.scheme in ("abfs", "abfss") and not AZURE_HOST.fullmatch(host):
        raise DataError(
            f"{key}: {shown(host)} is no host of Azure's storage, and may receive your "
            "credentials; name the container and the account, as in "
            f"{parts.scheme}://CONTAINER@ACCOUNT.dfs.core.windows.net/PATH"
        )


def open_file_system(key: str, url: str) -> tuple[pa.fs.FileSystem, str]:
    """Opens the file system of a URL; returns it, and the path inside of it.

    Arrow's own file system is used if Arrow has one for the protocol, else fsspec's.
    """
    protocol = url.partition("://")[0].lower()
    if protocol not in PROTOCOLS:
        raise DataError(
            f"{key}: the protocol '{protocol}' is not one of {', '.join(PROTOCOLS)}; "
            "give a URL with one of these, or a file"
        )
    check_server(key, url)
    # By default, Arrow tries to reach Google's storage for 15 minutes.
    options = "?retry_limit_seconds=10" if protocol in ("gs", "gcs") else ""
    try:
        system, path = pa.fs.FileSystem.from_uri(url + options)
        return system, path
    except (pa.ArrowException, OSError):
        pass  # Arrow does not know the protocol: fsspec may know it
    try:
        from fsspec.core import url_to_fs

        system, path = url_to_fs(url)
    except ImportError as error:
        raise DataError(
            f"{key}: cannot open {url}: {first_line(error)}; pip install "
            "'mtl-cli[remote]', and the package that this message names, if any"
        ) from None
    except Exception as error:  # each protocol of fsspec raises its own errors
        raise DataError(f"{key}: cannot reach {url}: {first_line(error)}") from None
    return pa.fs.PyFileSystem(pa.fs.FSSpecHandler(system)), path
