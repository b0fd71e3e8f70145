"""Turns the errors of a search's database into one line, with advice for the user."""

from mtl_cli.core.errors import StorageError, first_line
from mtl_cli.core.secrets import mask_secrets

KEY = "hydra.sweeper.storage"
# The advice in messages about the contents of a database.
NEW_DATABASE = (
    "use a new database: change hydra.sweeper.storage, or hydra.sweep.dir if the "
    "database is in that folder"
)


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
    import sqlalchemy

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
