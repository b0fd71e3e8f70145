"""Imports MLflow without its output, and tells errors of its server from others."""

import contextlib
import logging
import os
import warnings
from collections.abc import Iterator
from http import HTTPStatus

from mtl_cli.core.errors import first_line

# Environment variables that are set unless the user has set them. MLflow does not have
# to repeat failed requests, since `TrackedRun` repeats failed calls.
DEFAULT_VARIABLES = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",  # seconds; a server may have to wake up first
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    # Newer versions of MLflow store runs in a folder only if this is set.
    "MLFLOW_ALLOW_FILE_STORE": "true",
}


def load_quietly() -> None:
    """Imports MLflow, and silences it until the process ends."""
    for name, value in DEFAULT_VARIABLES.items():
        os.environ.setdefault(name, value)
    warnings.filterwarnings("ignore", module="mlflow")
    import mlflow  # noqa: F401

    for name in ("mlflow", "alembic", "sqlalchemy.engine", "urllib3"):
        logger = logging.getLogger(name)
        logger.handlers = [logging.NullHandler()]
        logger.propagate = False


@contextlib.contextmanager
def server_errors(address: str) -> Iterator[None]:
    """Turns an error of the server into an `OSError` that names its `address`.

    The server may not answer, or say that it cannot serve the request now.
    """
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        # MLflow gives the status 500 to an error without a response, too.
        status: int = error.get_http_status_code()  # type: ignore[no-untyped-call]
        is_server_error = status >= HTTPStatus.INTERNAL_SERVER_ERROR
        if not is_server_error and status != HTTPStatus.TOO_MANY_REQUESTS:
            raise
        raise ConnectionError(
            f"{address} cannot serve a request now: {root_reason(error)}"
        ) from error


def root_reason(error: BaseException) -> str:
    """Returns the text of the error that is the root of an error's chain of causes."""
    while cause := error.__cause__ or error.__context__:
        error = cause
    return getattr(error, "strerror", None) or first_line(error)
