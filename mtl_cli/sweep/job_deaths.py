"""Records the end of jobs that died before they could record their own end."""

import contextlib
import signal
import time
from pathlib import Path

from mtl_cli.core.errors import ConfigError, WriteError
from mtl_cli.core.run_folder import LOG, RunFolder
from mtl_cli.core.run_status import status_of
from mtl_cli.runs.job_records import JobRecord


def record_death(sweep: Path, record: JobRecord, reason: str, seconds: float) -> None:
    """Writes the record, status and log of a job that could not record its own end.

    If the job died before it began its run, its folder may hold an earlier run. The
    earlier run stays as it is.
    """
    record.status, record.error, record.code = "failed", reason, 1
    record.has_died = True
    record.seconds = seconds
    record.write(sweep)
    run = sweep / record.name
    stderr = record.stderr_path(sweep)
    # If the folder cannot be read or written, or is in use, only the record says how
    # the job has ended.
    with contextlib.suppress(ConfigError, WriteError, OSError):
        # The folder has this status if the job's process began the run in it.
        own_status = {"status": "running", "pid": record.pid, "host": record.host}
        if not own_status.items() <= status_of(run).items():
            return
        folder = RunFolder(run)
        folder.finish("failed", reason)
        folder.release()
        output = stderr.read_text("utf-8", "replace") if stderr.exists() else ""
        with (run / LOG).open("a", encoding="utf-8") as log:
            log.write(f"{output.rstrip()}\n{reason}\n".lstrip())


def seconds_since_start(sweep: Path, record: JobRecord) -> float:
    """Returns the time since the record of a running job was written, at its start."""
    try:
        return max(0.0, time.time() - record.path(sweep).stat().st_mtime)
    except OSError:
        return record.seconds


def exit_reason(code: int) -> str:
    """Describes how a process ended, by its exit code.

    >>> exit_reason(-9)
    'the process was killed by SIGKILL (out of memory?)'
    """
    if code >= 0:
        return f"the process ended with exit code {code}"
    name = signal.Signals(-code).name
    hint = " (out of memory?)" if name == "SIGKILL" else ""
    return f"the process was killed by {name}{hint}"
