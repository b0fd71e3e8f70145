"""The failures of `mtl-train`, and the end of a sweep after an error."""

from typing import NamedTuple

from mtl_cli.core import signals
from mtl_cli.core.atomic_write import FULL_DISK
from mtl_cli.core.errors import JobError, MtlError, StorageError, WriteError
from mtl_cli.runs.outcome import message_and_code, resume_command
from mtl_cli.sweep import external_launchers, session

PROGRAM = "mtl-train"


class Failure(NamedTuple):
    """A reason why a command fails."""

    message: str
    code: int
    kind: str  # the name of the error's class, such as `ConfigError`


def stop_jobs_after(error: Exception, arguments: list[str]) -> list[Failure]:
    """Stops the jobs of a sweep after an error, and returns the command's failures.

    The error comes from the command line, the YAML files or the sweep itself. Errors of
    a single run do not come here, see `compose_and_run`.
    """
    from mtl_cli.cli.hydra_errors import explain

    launcher_failure = external_launchers.launcher_failure_message(error)
    has_failed_jobs = stop_sweep(launcher_failure)
    if launcher_failure:
        job_error = JobError(with_job_counts(launcher_failure, arguments))
        return [failure_of(job_error), *job_failures()]
    # Hydra writes `multirun.yaml`, and its error about a full disk names no file.
    is_full = isinstance(error, OSError) and error.errno in FULL_DISK
    if (is_full and session.current) or isinstance(error, StorageError | WriteError):
        return [failure_of(error), *job_failures()]
    if has_failed_jobs:
        # Some sweepers raise an error because a job has failed. The message of that
        # error is dropped: the jobs' own failures say more.
        return job_failures()
    return [Failure(explain(error, arguments), 2, "ConfigError")]


def stop_sweep(reason: str = "") -> bool:
    """Stops the sweep of this process, if there is one; see `Session.stop`.

    A signal that comes meanwhile ends the process at once.

    Returns: whether a job of the sweep had failed before this call.
    """
    signals.end_at_once()
    return session.current is not None and session.current.stop(reason)


def failure_of(error: Exception) -> Failure:
    """Returns the failure of a command whose run or sweep has ended with an error."""
    classes = type(error).__mro__
    # The reader of `kind` knows only the classes of `core.errors`. A subclass that
    # another module defines is reported as the class from which it is derived.
    core_classes = (c.__name__ for c in classes if c.__module__ == MtlError.__module__)
    return Failure(*message_and_code(error), next(core_classes, type(error).__name__))


def job_failures() -> list[Failure]:
    if session.current is None:
        return []
    failures = session.current.failures()
    return [Failure(message, code, "JobError") for message, code in failures]


def with_job_counts(reason: str, arguments: list[str]) -> str:
    """Adds the counts of a sweep's jobs, and the command that resumes the sweep."""
    if session.current is None:
        return reason
    counts = session.current.job_counts_message()
    return f"{reason}{counts}; to go on: {resume_command([PROGRAM, *arguments])}"
