"""Finds the files that a URL names, through Arrow or fsspec."""

import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

import pyarrow as pa
import pyarrow.fs

from mtl_cli.core.errors import DataError, first_line
from mtl_cli.core.message_text import shown

# The protocols that Arrow reads, with the user's login at the service.
ARROW_PROTOCOLS = ("s3", "gs", "gcs", "abfs", "abfss", "hdfs", "viewfs")
# The hosts of Azure's storage in the public cloud, in China and for the US government,
# and the hosts of OneLake.
AZURE_HOST = re.compile(
    r"([a-z0-9-]+\.)+(core\.(windows\.net|chinacloudapi\.cn|usgovcloudapi\.net)"
    r"|fabric\.microsoft\.com)",
    re.IGNORECASE,
)
# The longest wait for an HTTP server to accept a connection or to send its next bytes.
# fsspec sends up to five requests for a file, so it can wait five times as long.
HTTP_SECONDS = 10
# The allowed protocols do no more than read a file. The other protocols of fsspec are
# refused: their URLs can run a template (`reference`), unpack an archive (`zip`) or
# write a cache file on this machine (`filecache`), and a configuration may come from
# someone else.
PROTOCOLS = (
    *("abfs", "abfss", "adl", "az", "file", "ftp", "gcs", "gs", "hdfs", "http"),
    *("https", "memory", "oci", "oss", "s3", "sftp", "viewfs", "webhdfs"),
)


def without_file_scheme(path: str) -> str:
    """Returns the local path of a URL `file://...`; other paths stay as they are.

    >>> without_file_scheme("file:///data/a.csv"), without_file_scheme("file://a/b.csv")
    ('/data/a.csv', 'a/b.csv')
    """
    if not path.lower().startswith("file://"):
        return path
    url = urlsplit(path)
    host = "" if url.netloc.lower() == "localhost" else url.netloc
    return unquote(host + url.path)


def find_remote(
    key: str, url: str, holds_rows: Callable[[Path], bool]
) -> tuple[pa.fs.FileSystem, list[str]]:
    """Returns the file system of a URL, and the sorted paths of the files there.

    If the URL names a folder, `holds_rows` says of each file, by its path in the
    folder, whether it is one of the table's files. A folder without such files gives
    no paths.
    """
    system, path = open_file_system(key, url)
    try:
        info = system.get_file_info(path)
        if info.type == pa.fs.FileType.Directory:
            infos = system.get_file_info(pa.fs.FileSelector(path, recursive=True))
            paths = sorted(info.path for info in infos if info.is_file)
            return system, [p for p in paths if holds_rows(Path(p).relative_to(path))]
    except Exception as error:  # each protocol of fsspec raises its own errors
        raise unreachable_error(key, url, error) from None
    if not info.is_file:
        raise no_file_error(key, url, system, path)
    if info.size is None:
        raise DataError(
            f"{key}: the server of {url} does not say how long the file is; download "
            "the file, and name the copy"
        )
    return system, [path]


def open_file_system(key: str, url: str) -> tuple[pa.fs.FileSystem, str]:
    """Returns the file system of a URL, and the path there."""
    protocol = url.partition("://")[0].lower()
    if protocol not in PROTOCOLS:
        raise DataError(
            f"{key}: the protocol '{protocol}' is not one of {', '.join(PROTOCOLS)}; "
            "give a URL with one of these protocols, or a file"
        )
    check_server(key, url)
    try:
        if protocol in ARROW_PROTOCOLS:
            # By default, Arrow tries to reach Google's storage for 15 minutes. The URL
            # has no query of its own: `check_server` has refused it.
            query = "?retry_limit_seconds=10" if protocol in ("gs", "gcs") else ""
            # Arrow may have been built without the protocol.
            with suppress(pa.ArrowNotImplementedError):
                system, path = pa.fs.FileSystem.from_uri(url + query)
                return system, path
        return open_with_fsspec(url, protocol)
    except ImportError as error:
        raise DataError(
            f"{key}: cannot open {url}: {first_line(error)}; pip install "
            "'mtl-cli[remote]', and the package that this message names, if any"
        ) from None
    except Exception as error:  # each protocol of fsspec raises its own errors
        raise unreachable_error(key, url, error) from None


def open_with_fsspec(url: str, protocol: str) -> tuple[pa.fs.FileSystem, str]:
    from fsspec.core import url_to_fs

    options = {}
    if protocol in ("http", "https"):  # by default, fsspec waits five minutes
        from aiohttp import ClientTimeout

        timeout = ClientTimeout(
            total=None, sock_connect=HTTP_SECONDS, sock_read=HTTP_SECONDS
        )
        options = {
            "client_kwargs": {
                "timeout": timeout,
                # A server could fill the memory by a short answer that it compresses.
                "headers": {"Accept-Encoding": "identity"},
                "auto_decompress": False,
            }
        }
    system, path = url_to_fs(url, **options)
    # A folder that was listed earlier may hold other versions of its files now.
    system.invalidate_cache()
    return pa.fs.PyFileSystem(pa.fs.FSSpecHandler(system)), path


def check_server(key: str, url: str) -> None:
    """Refuses a URL that sends the user's login for S3, Google or Azure elsewhere.

    A configuration may come from someone else, who would then choose the server. Arrow
    would send the user's credentials to the server that a parameter such as
    `endpoint_override` names, and the token for Azure to any host. The hosts of HDFS
    are not checked, because each cluster has its own.
    """
    parts = urlsplit(url)
    if parts.scheme in ARROW_PROTOCOLS:
        for name, _ in parse_qsl(parts.query, keep_blank_values=True):
            if (parts.scheme, name) != ("s3", "region"):
                raise DataError(
                    f"{key}: {shown(name)} in a URL may send your credentials to "
                    "someone else; remove it, or, for an S3 server of your own, set "
                    "the environment variable AWS_ENDPOINT_URL"
                )
    host = parts.netloc.rpartition("@")[2]
    if parts.scheme in ("abfs", "abfss") and not AZURE_HOST.fullmatch(host):
        raise DataError(
            f"{key}: {shown(host)} is no host of Azure's storage, and may receive your "
            f"credentials; name the account, as in {parts.scheme}://"
            "ACCOUNT.dfs.core.windows.net/CONTAINER/PATH"
        )


def no_file_error(key: str, url: str, system: pa.fs.FileSystem, path: str) -> DataError:
    """Returns the error about a URL at which no file was found.

    If a server cannot be reached, some of fsspec's file systems say that there is no
    file. The cause of such an error is the error about the server.
    """
    if isinstance(system, pa.fs.PyFileSystem) and "*" not in path:
        try:
            system.handler.fs.info(path)
        except Exception as error:  # each protocol of fsspec raises its own errors
            cause = error.__cause__ or error
            if not isinstance(cause, FileNotFoundError):
                return unreachable_error(key, url, cause)
    return DataError(
        f"{key}: no file '{url}'; a URL names a file or a folder, and holds no pattern"
    )


def unreachable_error(key: str, url: str, error: BaseException) -> DataError:
    # The text of a `TimeoutError` is empty.
    is_late = isinstance(error, TimeoutError)
    reason = "the server does not answer" if is_late else first_line(error)
    return DataError(f"{key}: cannot reach {url}: {reason}")
