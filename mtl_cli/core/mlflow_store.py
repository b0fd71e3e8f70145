"""Checks an MLflow store before a run uses it, and locks its database."""

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from mtl_cli.core.errors import ConfigError
from mtl_cli.core.mlflow_address import (
    URI_VARIABLE,
    database_file,
    is_sqlite,
    store_folder,
)
from mtl_cli.core.other_files import check_entries
from mtl_cli.core.secrets import secret_reference_in

CONNECT_SECONDS = 10
# The subfolders that MLflow makes if it stores runs in a folder.
EXPERIMENT_SUBFOLDERS = ("tags", "models", "traces", "datasets")
RUN_SUBFOLDERS = ("metrics", "params", "tags", "artifacts", "inputs", "outputs")


def check_local_store(uri: str) -> None:
    """Checks the key `tracker.uri` if it names a database or folder on this machine.

    The configuration may come from somebody else. Therefore `uri` must not make a run
    write outside of the current folder, and no name of a file may show a secret.

    Raises:
        ConfigError: if `uri` breaks one of these rules.
    """
    store = store_folder(uri)
    if store is None:
        return
    if reference := secret_reference_in(uri):
        raise ConfigError(
            f"tracker.uri: the name of a file would show the value of {reference}; "
            "choose a name without the secret"
        )
    if not store.is_relative_to(Path.cwd().resolve()):
        raise ConfigError(
            f"tracker.uri: '{uri}' leads out of the current folder; start in a "
            "folder above the store, or give the address in the environment variable "
            f"{URI_VARIABLE}"
        )


def check_folder_store(store: Path, run_id: str | None) -> None:
    """Checks that MLflow follows no link in a folder in which it stores runs.

    The store may come from somebody else. A store holds a folder for each experiment,
    and the folder of an experiment holds a folder for each run. MLflow makes a folder
    for a new run, or adds lines to the files of the run `run_id` if it is resumed.
    """
    if not store.is_dir():
        return
    for name in check_entries(store, allow_hard_links=True):
        experiment = store / name
        if not experiment.is_dir():
            continue
        names = check_entries(experiment, EXPERIMENT_SUBFOLDERS, allow_hard_links=True)
        if run_id is not None and run_id in names:
            check_entries(experiment / run_id, RUN_SUBFOLDERS)


def is_outside(artifacts: str, store: Path | None, may_be_remote: bool = False) -> bool:
    """Whether MLflow would write artifacts outside of the allowed folders.

    The allowed folders are the current folder and the database's folder, with all
    folders below them. The address of the artifacts comes from MLflow's database, and a
    database on this machine may come from somebody else.

    Args:
        artifacts: the address of the artifacts.
        store: the folder of the database; None for a server, because servers are
            trusted.
        may_be_remote: whether artifacts may also be written to a server.
    """
    if store is None:
        return False
    if urlsplit(artifacts).scheme not in ("", "file"):
        return not may_be_remote
    # MLflow may also decode a path without a scheme: `%2e%2e/x` becomes `../x`. Both
    # readings of the address must lie in an allowed folder.
    folders = [store_folder(artifacts), Path(unquote(artifacts)).resolve()]
    allowed_folders = (Path.cwd().resolve(), store)
    return any(
        folder is not None and not any(map(folder.is_relative_to, allowed_folders))
        for folder in folders
    )


def check_connection(uri: str) -> None:
    """Raises a `TimeoutError` if a server is not reached within `CONNECT_SECONDS`.

    MLflow has one time limit for connecting and answering together. The limit is long,
    since a server may be slow to answer. Without this check, the user would wait as
    long for a server that does not exist.
    """
    if not uri.startswith("http"):
        return
    import requests

    try:
        requests.head(uri, timeout=(CONNECT_SECONDS, 1))
    except requests.ConnectTimeout:
        raise TimeoutError(
            f"{uri} does not answer: no connection within {CONNECT_SECONDS} s"
        ) from None
    except requests.RequestException:
        pass  # MLflow's first request will fail with the same error, and reports it


def create_database(uri: str) -> None:
    """Creates the SQLite database that an address names, if there is no such file.

    MLflow makes one table after another, and never opens a database that lacks some of
    them. A killed process must leave no such database. Therefore the database is made
    in a temporary folder, and moved to its place when it is complete.
    """
    if not is_sqlite(uri):
        return
    file = database_file(uri)
    if file.exists() or file.name == ":memory:":
        return
    import mlflow
    import sqlalchemy

    with tempfile.TemporaryDirectory(prefix=".mlflow-", dir=file.parent) as folder:
        new_file = Path(folder, file.name)
        url = sqlalchemy.engine.make_url(uri).set(database=str(new_file))
        client = mlflow.MlflowClient(url.render_as_string(hide_password=False))
        client.search_experiments(max_results=1)  # the first request makes the tables
        new_file.rename(file)


@contextlib.contextmanager
def locked_database(uri: str) -> Iterator[None]:
    """Lets only one process at a time open an SQLite database.

    MLflow creates the tables of a new database without a lock. Of two processes that
    start at the same time, one would fail.
    """
    if not is_sqlite(uri):
        yield
        return
    folder = database_file(uri).parent
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
