"""The address of an MLflow store: a server, a database or a folder."""

import os
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from mtl_cli.core.errors import ConfigError

URI_VARIABLE = "MLFLOW_TRACKING_URI"
# The start of the address of a server. Any other address is a path.
SERVER = re.compile(r"[a-z][a-z0-9+.-]*://|databricks(-uc)?$", re.IGNORECASE)


def store_folder(uri: str) -> Path | None:
    """Returns the folder of an MLflow store, or of its database; None for a server."""
    if is_sqlite(uri):
        return database_file(uri).parent
    if urlsplit(uri).scheme == "file":
        return Path(unquote(urlsplit(uri).path)).resolve()
    return None if SERVER.match(uri) else Path(uri).resolve()


def is_sqlite(uri: str) -> bool:
    """Whether an address names an SQLite database."""
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
