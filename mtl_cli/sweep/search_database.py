"""Connects a search to its database, and explains the errors of the database.

The database is an SQLite file, or a server such as PostgreSQL.
"""

import contextlib
import socket
import sqlite3
import uuid
from pathlib import Path
from typing import Any

import sqlalchemy
from optuna.storages import RDBStorage

from mtl_cli.core.atomic_write import write_text
from mtl_cli.core.errors import ConfigError, StorageError, first_line
from mtl_cli.core.other_files import UnsafeFileError
from mtl_cli.core.secrets import mask_secrets
from mtl_cli.core.sqlite_database import check_sqlite_database
from mtl_cli.sweep.search_storage import KEY, NEW_DATABASE, SearchStorage

CONNECT_SECONDS = 5  # the default; a URL may set `?connect_timeout=`
# Options of PostgreSQL's client library. If the other end of a connection is gone, the
# connection fails instead of waiting for ever.
LIBPQ_OPTIONS = {
    "connect_timeout": CONNECT_SECONDS,
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,  # milliseconds
}
# The largest number of trials in an SQLite file. A sweep has at most as many jobs.
MAX_TRIALS = 100_000
ID_FILE = ".search_id"  # in the folder of a sweep; holds the id of the sweep


def open_storage(url: str, sweep: Path) -> SearchStorage:
    """Connects to a database, and makes Optuna's tables if they are missing."""
    engine = new_engine(url)
    name = name_of(engine.url)
    is_in_sweep_folder = False
    if engine.dialect.name == "sqlite" and engine.url.database:
        path = Path(engine.url.database)
        is_in_sweep_folder = path.resolve().is_relative_to(sweep.resolve())
        try:
            check_sqlite_database(path)
            check_number_of_trials(path)
        except UnsafeFileError as error:
            raise ConfigError(f"{KEY}: {error}") from None
    # Other sweeps may use a database outside of the sweep's folder at the same time.
    sweep_id = "" if is_in_sweep_folder else read_or_make_id(sweep)
    return SearchStorage(connect_to_database(engine, url, name), name, sweep_id)


def new_engine(url: str) -> sqlalchemy.engine.Engine:
    """Makes SQLAlchemy's engine for a URL, without connecting to the database."""
    try:
        has_user = sqlalchemy.engine.make_url(url).username is not None
        # For SQLAlchemy, a password ends at the first `@`, so the `b` of a password
        # `a@b` would become part of the host's name. Messages show that name.
        if has_user and url.count("@") > 1:
            raise ConfigError(
                f"{KEY}: the URL holds more than one @; write each @ of the user name, "
                "the password and the name of the database as %40"
            )
        return sqlalchemy.create_engine(url)
    except (sqlalchemy.exc.ArgumentError, ValueError):
        # The text of this error may hold the password.
        raise ConfigError(
            f"{KEY}: the value is not the URL of a database; give a URL such as "
            "postgresql://HOST/NAME"
        ) from None
    except ImportError as error:
        is_psycopg = "psycopg2" in str(error)
        fix = "; pip install 'mtl-cli[postgresql]'" if is_psycopg else ""
        raise ConfigError(f"{KEY}: {first_line(error)}{fix}") from None


def name_of(url: sqlalchemy.engine.URL) -> str:
    """Returns a URL for messages: without user, password and parameters."""
    public_url = sqlalchemy.engine.URL.create(
        url.drivername, host=url.host, port=url.port, database=url.database
    )
    return str(public_url)


def check_number_of_trials(path: Path) -> None:
    """Refuses an SQLite database whose trials would fill the memory.

    Optuna keeps all trials in memory, and copies them for each new trial.
    """
    num_trials = 0
    # If the database is missing or damaged, Optuna raises an error when it connects.
    with (
        contextlib.suppress(sqlite3.Error),
        contextlib.closing(
            sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        ) as database,
    ):
        (num_trials,) = database.execute("SELECT COUNT(*) FROM trials").fetchone()
    if num_trials > MAX_TRIALS:
        raise UnsafeFileError(
            f"{path} holds {num_trials:,} trials; a search has at most "
            f"{MAX_TRIALS:,}: {NEW_DATABASE}"
        )


def connect_to_database(
    engine: sqlalchemy.engine.Engine, url: str, name: str
) -> RDBStorage:
    """Connects Optuna to a database.

    Raises a `StorageError`, now or later, if the connection fails or is lost.
    """
    dialect = engine.dialect
    arguments, options = dialect.create_connect_args(engine.url)
    if dialect.driver == "psycopg2":
        options = LIBPQ_OPTIONS | options

    def new_connection() -> Any:
        try:
            return dialect.connect(*arguments, **options)
        except dialect.dbapi.Error as error:
            raise StorageError(
                f"{KEY}: no connection to {name}: {first_line(error)}"
            ) from error

    def raise_named_error(context: Any) -> None:
        if context.is_disconnect:
            raise StorageError(
                f"{KEY}: lost the connection to {name}: "
                f"{first_line(context.original_exception)}"
            ) from context.original_exception

    storage = RDBStorage(url, {"creator": new_connection, "pool_pre_ping": True})
    sqlalchemy.event.listen(storage.engine, "handle_error", raise_named_error)
    return storage


def read_or_make_id(sweep: Path) -> str:
    """Returns the id of a sweep from the sweep's folder."""
    path = sweep / ID_FILE
    with contextlib.suppress(FileNotFoundError):
        # An empty id would mean that no other sweep shares the database.
        if recorded_id := path.read_text("utf-8").strip():
            return recorded_id
    new_id = f"{socket.gethostname()}-{uuid.uuid4().hex[:12]}"
    write_text(path, f"{new_id}\n")
    return new_id


def database_reason(error: Exception) -> str:
    """Returns the text of a database's own error, without the errors around it."""
    cause = error.__cause__ or error
    # SQLAlchemy's error holds the database's own error, with a shorter text.
    return first_line(getattr(cause, "orig", cause))


def message_at_start(error: Exception, url: str) -> str:
    """Returns the message about a database with which a search cannot start."""
    if isinstance(error, StorageError):  # without a connection
        return f"{error}; correct the URL, or start the server"
    return (
        f"{KEY}: {mask_secrets(url)}: {database_reason(error)}; take a database that "
        f"Optuna has made and that you may write to, or {NEW_DATABASE}"
    )


def storage_error_behind(
    error: BaseException | None, storage_name: str
) -> StorageError | None:
    """Returns the error of the database that has caused an error; None if none has.

    Several errors may lie between the two: the connection is lost while the sweeper
    reports a trial's value; the sweeper then reports the trial as failed, and Optuna
    raises an error about the value.
    """
    while error is not None:
        # An error of Optuna's storage.
        if isinstance(error, KeyError) and "Record does not exist." in error.args:
            return StorageError(
                f"{KEY}: {storage_name}: a record is missing; {NEW_DATABASE}"
            )
        if isinstance(error, StorageError):
            return StorageError(f"{error}; the same command resumes the search")
        if isinstance(error, sqlalchemy.exc.SQLAlchemyError):
            return StorageError(f"{KEY}: {storage_name}: {first_line(error)}")
        error = error.__cause__ or error.__context__
    return None
