"""Turns the errors of a search's database into one line, with advice for the user."""

from mtl_cli.core.errors import StorageError, first_line
from mtl_cli.core.secrets import mask_secrets

KEY = "hydra.sweeper.storage"
LOCKED_DATABASE = "database is locked"  # an error of SQLite
MISSING_RECORD = "Record does not exist."  # in the errors of Optuna's storage
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
        fix = (
            "take another database" if url.startswith("sqlite") else "start the server"
        )
        return f"{error}; correct the URL, or {fix}"
    reason = database_reason(error)
    if reason == LOCKED_DATABASE:
        fix = "wait until the program that uses the file ends, or take another database"
    else:
        fix = (
            "take a database that Optuna has made and that you may write to, or "
            f"{NEW_DATABASE}"
        )
    return f"{KEY}: {mask_secrets(url)}: {reason}; {fix}"


def storage_error_behind(
    error: BaseException | None, storage_name: str
) -> StorageError | None:
    """Returns the error of the database that has caused an error; None if none has.

    Several errors may lie between the two. For example, the connection is lost while
    the sweeper reports a trial's value. The sweeper then reports the trial as failed,
    and Optuna raises an error about the value.

    `storage_name` is the name of the storage in messages.
    """
    import sqlalchemy

    while error is not None:
        if isinstance(error, KeyError) and MISSING_RECORD in error.args:
            return StorageError(
                f"{KEY}: {storage_name}: a record is missing; {NEW_DATABASE}"
            )
        if isinstance(error, StorageError):
            return StorageError(f"{error}; the same command resumes the search")
        if isinstance(error, sqlalchemy.exc.SQLAlchemyError):
            return StorageError(f"{KEY}: {storage_name}: {first_line(error)}")
        error = error.__cause__ or error.__context__
    return None
