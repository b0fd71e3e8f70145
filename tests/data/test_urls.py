"""URLs of tables: which are refused, and what is said of a server out of reach."""

import gzip
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace

import fsspec
import pyarrow as pa
import pyarrow.fs
import pytest
from fsspec import AbstractFileSystem
from fsspec.implementations.memory import MemoryFileSystem

from mtl_cli.core.errors import DataError
from mtl_cli.data.files import find_files
from mtl_cli.data.fingerprint import hash_table
from mtl_cli.data.remote_files import open_file_system


class Unreachable(AbstractFileSystem):
    """Behaves as the HTTP file system of fsspec if the server refuses connections."""

    protocol = "oci"

    def info(self, path: str, **_: object) -> dict[str, object]:
        try:
            raise ConnectionRefusedError("connection refused")
        except OSError as error:
            raise FileNotFoundError(path) from error


@pytest.mark.parametrize(
    "url",
    [
        "s3://b/rows.csv?endpoint_override=127.0.0.1:1",
        "s3://b/rows.csv?endpoint%5Foverride=127.0.0.1:1",
        "s3://b/rows.csv?region=x&scheme=http",
        "S3://b/rows.csv?endpoint_override=",
        "gs://b/rows.csv?endpoint_override=127.0.0.1:1",
        "abfs://b/rows.csv?blob_storage_authority=127.0.0.1:1",
    ],
)
def test_url_that_sends_credentials_elsewhere_is_refused(url: str) -> None:
    with pytest.raises(DataError, match="in a URL may send your credentials"):
        find_files("dataset.train", url, "auto")


@pytest.mark.parametrize(
    "netloc",
    [
        "account@127.0.0.1:1",
        "account:key@elsewhere.example",
        "container@account.dfs.core.windows.net.elsewhere.example",
        "container@elsewhere.example%2F.dfs.core.windows.net",
        "account.dfs.core.windows.net@elsewhere.example",
        "localhost:1",
        "a@localhost",
    ],
)
def test_token_of_azure_goes_to_no_other_host(netloc: str) -> None:
    with pytest.raises(DataError, match="is no host of Azure's storage, and may rec"):
        open_file_system("dataset.train", f"abfss://{netloc}/container/rows.csv")


@pytest.mark.parametrize(
    "host", ["account.dfs.core.windows.net", "account.blob.core.chinacloudapi.cn"]
)
def test_host_of_azure_is_accepted(host: str) -> None:
    url = f"abfss://container@{host}/rows.csv"
    _, path = open_file_system("dataset.train", url)
    assert path.endswith("rows.csv")


def test_server_out_of_reach_is_told_from_a_missing_file() -> None:
    fsspec.register_implementation("oci", Unreachable, clobber=True)
    with pytest.raises(DataError, match=r"cannot reach oci://x.csv: connection"):
        find_files("dataset.train", "oci://x.csv", "auto")


def test_remote_folder_without_parquet_files_is_told_as_a_folder() -> None:
    fsspec.filesystem("memory").pipe("/days/rows.csv", b"a,b")
    with pytest.raises(
        DataError, match=r"folder 'memory://days' holds no .parquet"
    ) as e:
        find_files("dataset.train", "memory://days", "auto")
    assert str(e.value).endswith("or, for mtl-train, set dataset.format")
    assert len(find_files("dataset.train", "memory://days", "csv").paths) == 1


def test_timeout_while_fsspec_opens_a_url_is_explained(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def url_to_fs(_: str) -> None:
        raise TimeoutError

    monkeypatch.setattr("fsspec.core.url_to_fs", url_to_fs)
    with pytest.raises(DataError, match=r"x.csv: the server does not answer"):
        open_file_system("dataset.train", "memory://x.csv")


def test_pattern_in_a_url_is_told() -> None:
    with pytest.raises(DataError, match="a URL names a file or a folder"):
        find_files("dataset.train", "memory://nowhere/*.csv", "auto")


@pytest.fixture
def requests() -> Iterator[tuple[int, list[str]]]:
    """Gives the port of a server without any file, and the paths asked for."""
    paths: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            paths.append(self.path)
            self.send_response(403)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1], paths
        server.shutdown()
        thread.join()


def test_s3_server_of_ones_own_is_named_in_the_environment(
    requests: tuple[int, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    port, paths = requests
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "key")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(DataError, match=r"cannot reach s3://bucket/rows.csv"):
        find_files("dataset.train", "s3://bucket/rows.csv?region=x", "auto")
    assert paths == ["/bucket/rows.csv"]


def test_s3_without_its_region_is_told_by_arrow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def from_uri(_: str) -> None:
        raise OSError("When resolving region for bucket 'bucket': no host")

    monkeypatch.setattr(pyarrow.fs, "FileSystem", SimpleNamespace(from_uri=from_uri))
    with pytest.raises(DataError, match=r"cannot reach s3://bucket/x.csv: When resol"):
        open_file_system("dataset.train", "s3://bucket/x.csv")


def test_fsspec_opens_what_arrow_was_built_without(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def from_uri(_: str) -> None:
        raise pa.ArrowNotImplementedError("Arrow compiled without GCS support")

    monkeypatch.setattr(pyarrow.fs, "FileSystem", SimpleNamespace(from_uri=from_uri))
    opened = (MemoryFileSystem(), "bucket/x.csv")
    monkeypatch.setattr("fsspec.core.url_to_fs", lambda _: opened)
    system, path = open_file_system("dataset.train", "gs://bucket/x.csv")
    assert (system.handler.fs, path) == opened


def test_file_of_unknown_length_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a server sends a file in chunks, or without `Content-Length`."""
    memory = fsspec.filesystem("memory")
    memory.pipe("/unknown/rows.csv", b"a,b")
    info = {"name": "/unknown/rows.csv", "type": "file", "size": None}
    monkeypatch.setattr(type(memory), "info", lambda *_, **__: info)
    with pytest.raises(DataError, match="does not say how long the file is; download"):
        find_files("dataset.train", "memory://unknown/rows.csv", "auto")


def test_file_behind_http_is_known_by_the_headers_of_its_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    memory = fsspec.filesystem("memory")
    memory.pipe("/http/rows.csv", b"a,b")
    size = {"name": "/http/rows.csv", "type": "file", "size": 3}
    hashes = set()
    for headers in ({"ETag": "1"}, {"ETag": "2"}, {"Last-Modified": "Monday"}, {}, {}):
        info = size | headers
        monkeypatch.setattr(type(memory), "info", lambda *_, info=info, **__: info)
        files = find_files("dataset.train", "memory://http/rows.csv", "auto")
        hashes.add(hash_table("train", files))
    assert len(hashes) == 4


def test_time_of_the_last_access_changes_no_fingerprint(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    memory = fsspec.filesystem("memory")
    memory.pipe("/sftp/rows.csv", b"a,b")
    hashes = set()
    for time, mtime in ((1, 1), (2, 1), (2, 2)):
        info = {"name": "/sftp/rows.csv", "type": "file", "size": 3}
        info |= {"time": time, "mtime": mtime}
        monkeypatch.setattr(type(memory), "info", lambda *_, info=info, **__: info)
        files = find_files("dataset.train", "memory://sftp/rows.csv", "auto")
        hashes.add(hash_table("train", files))
    assert len(hashes) == 2


def test_error_of_a_protocol_while_a_file_is_hashed_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    memory = fsspec.filesystem("memory")
    memory.pipe("/http/rows.csv", b"a,b")
    files = find_files("dataset.train", "memory://http/rows.csv", "auto")

    def fail(*_: object) -> None:
        raise RuntimeError("the server hung up")

    monkeypatch.setattr(type(memory), "info", fail)
    with pytest.raises(DataError, match=r"cannot read .*rows.csv: the server hung up"):
        hash_table("train", files)


def test_http_gives_up_on_a_server_that_does_not_answer() -> None:
    pytest.importorskip("aiohttp")
    system, _ = open_file_system("dataset.train", "https://localhost/rows.csv")
    timeout = system.handler.fs.client_kwargs["timeout"]
    # fsspec asks up to five times.
    assert timeout.sock_connect <= 12 and timeout.sock_read <= 12


def test_answer_that_a_server_compresses_is_not_expanded() -> None:
    pytest.importorskip("aiohttp")
    body = gzip.compress(bytes(1000))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert self.headers["Accept-Encoding"] == "identity"
            self.send_response(200)
            self.send_header("Content-Encoding", "gzip")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}/rows.csv"
        system, _ = open_file_system("dataset.train", url)
        assert system.handler.fs.cat_file(url) == body
        server.shutdown()
