"""The store of MLflow: a server, or a database or folder on this machine.

A database or folder is checked before a run uses it, because it may come from somebody
else.
"""

import contextlib
import fcntl
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from mtl_cli.core.errors import ConfigError
from mtl_cli.core.other_files import check_entries
from mtl_cli.core.secrets import secret_reference_in
from mtl_cli.core.sqlite_database import check_sqlite_database

URI_VARIABLE = "MLFLOW_TRACKING_URI"
# The start of the address of a server. Any other address is a path.
SERVER = re.compile(r"[a-z][a-z0-9+.-]*://|databricks(-uc)?$", re.IGNORECASE)
# The subfolders that MLflow makes if it stores runs in a folder.
EXPERIMENT_SUBFOLDERS = ("tags", "models", "traces", "datasets")
RUN_SUBFOLDERS = ("metrics", "params", "tags", "artifacts", "inputs", "outputs")


def store_folder(uri: str) -> Path | None:
    """Returns the folder of an MLflow store, or of its database; None for a server."""
    if is_sqlite(uri):
        return database_file(uri).parent
    if urlsplit(uri).scheme == "file":
        return Path(unquote(urlsplit(uri).path)).resolve()
    return None if SERVER.match(uri) else Path(uri).resolve()


def is_sqlite(uri: str) -> bool:
    return urlsplit(uri).scheme.startswith("sqlite")


def database_file(uri: str) -> Path:
    """Returns the file that SQLAlchemy opens for the address of an SQLite database."""
    import sqlalchemy

    name = sqlalchemy.engine.make_url(uri).database or ""
    if name.startswith("file:"):
        raise ConfigError(
            f"tracker.uri: '{uri}' gives the database as a `file:` URL; give its path, "
            "as in sqlite:///mlflow.db"
        )
    # SQLAlchemy removes `..` before it follows links, as `abspath` does.
    return Path(os.path.abspath(name)).resolve()


def move_user_to_environment(uri: str) -> str:
    """Moves user and password of an address into MLflow's environment variables.

    MLflow and the packages that MLflow uses print the address in their messages.

    Returns: the address without user and password.
    """
    parts = urlsplit(uri)
    user, separator, host = parts.netloc.rpartition("@")
    if not separator or parts.scheme not in ("http", "https"):
        return uri
    name, _, password = user.partition(":")
    os.environ["MLFLOW_TRACKING_USERNAME"] = unquote(name)
    os.environ["MLFLOW_TRACKING_PASSWORD"] = unquote(password)
    return urlunsplit(parts._replace(netloc=host))


def check_store(uri: str, is_trusted: bool, run_id: str | None) -> None:
    """Refuses a database or a folder on this machine that may be unsafe.

    An address in a configuration (`is_trusted` is false) is checked more strictly,
    because somebody else may have written the configuration. For `run_id`, see
    `check_folder_store`.
    """
    if not is_trusted:
        check_local_store(uri)
    store = store_folder(uri)
    if is_sqlite(uri):
        check_sqlite_database(database_file(uri))
    elif not is_trusted and store is not None:
        check_folder_store(store, run_id)


def check_local_store(uri: str) -> None:
    """Refuses an address outside of the current folder, or with a secret in its path.

    Other people can see the name of a file.
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

    A store holds a folder for each experiment, and this folder holds a folder for each
    run. MLflow adds lines to the files of the run `run_id` if it is resumed.
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
    folders below them. The address of the artifacts comes from MLflow's database.

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


def create_database(uri: str) -> None:
    """Creates the SQLite database that an address names, if there is no such file.

    MLflow makes one table after another, and never opens a database that lacks some of
    them. So that a killed process leaves no such database, it is made in a temporary
    folder, and moved to its place when it is complete.
    """
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
def opened_database(uri: str) -> Iterator[None]:
    """Lets one process at a time open an SQLite database, and creates a missing one.

    MLflow creates tables without a lock: one of two processes could fail.
    """
    if not is_sqlite(uri):
        yield
        return
    folder = database_file(uri).parent
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        create_database(uri)
        yield
    finally:
        os.close(descriptor)
