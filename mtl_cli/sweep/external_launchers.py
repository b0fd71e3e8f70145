"""Stops jobs that run in the processes of another launcher than Hydra's own."""

import contextlib
import os
import signal
import socket
import time
from pathlib import Path

from mtl_cli.core.run_folder import has_ended
from mtl_cli.runs.job_records import RECORDS, JobRecord, job_records

GRACE_SECONDS = 60
POLL_SECONDS = 0.1
STOPPED = "stopped"


def stop_jobs(sweep: Path) -> None:
    """Interrupts the jobs on this machine, waits for them, and lets no more start.

    Some launchers kill their processes themselves: such jobs count as interrupted. Jobs
    on other machines go on, or end with their launcher.
    """
    (sweep / RECORDS / STOPPED).touch()
    for record in running_here(sweep):
        with contextlib.suppress(ProcessLookupError):
            os.kill(record.pid, signal.SIGINT)
    deadline = time.monotonic() + GRACE_SECONDS
    while time.monotonic() < deadline and not all(
        has_ended(record.pid) for record in running_here(sweep)
    ):
        time.sleep(POLL_SECONDS)
    for record in running_here(sweep):
        if has_ended(record.pid):
            record.status, record.error, record.code = "interrupted", "cut off", 130
            record.write(sweep)


def is_stopped(sweep: Path) -> bool:
    """Whether the sweep has been stopped, so that no job may start."""
    return (sweep / RECORDS / STOPPED).exists()


def running_here(sweep: Path) -> list[JobRecord]:
    """Returns the records of jobs whose process runs on this machine."""
    host = socket.gethostname()
    return [r for r in job_records(sweep) if r.status == "running" and r.host == host]
