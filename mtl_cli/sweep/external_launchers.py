"""Jobs in the processes of another launcher than Hydra's own: their stop and loss."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from mtl_cli.core.run_folder import has_ended
from mtl_cli.runs.job_records import RECORDS, JobRecord, job_records
from mtl_cli.sweep import job_processes

GRACE_SECONDS = 60
POLL_SECONDS = 0.1
STOP_SECONDS = 1.0
STOPPED = "stopped"


def stop_jobs(sweep: Path, reason: str = "") -> None:
    """Interrupts the running jobs, waits for them, and lets no more start.

    Jobs on other machines see the sign to stop in the sweep's folder. Some launchers
    kill their processes themselves: then the jobs count as cut off.

    Args:
        sweep: the sweep's folder.
        reason: why the launcher has failed; "" if the user stops the sweep.
    """
    (sweep / RECORDS / STOPPED).touch()
    leave_slurm_queue()
    for record in running_here(sweep):
        with contextlib.suppress(ProcessLookupError):
            os.kill(record.pid, signal.SIGINT)
    deadline = time.monotonic() + GRACE_SECONDS
    while time.monotonic() < deadline and any(
        not has_ended(record.pid) or record.host != socket.gethostname()
        for record in running(sweep)
    ):
        time.sleep(POLL_SECONDS)
    for record in running_here(sweep):
        if has_ended(record.pid) and reason:
            job_processes.record_death(sweep, record, f"cut off: {reason}")
        elif has_ended(record.pid):
            record.seconds = job_processes.seconds_since_start(sweep, record)
            record.status, record.error, record.code = "interrupted", "cut off", 130
            record.write(sweep)


def leave_slurm_queue() -> None:
    """Removes the jobs of this process that have not started from Slurm's queue."""
    slurm = sys.modules.get("submitit.slurm.slurm")
    ids = slurm.SlurmJob.watcher._registered if slurm else ()
    # The tasks 7_0 and 7_1 belong to the job 7.
    if jobs := sorted({task.partition("_")[0] for task in ids}):
        with contextlib.suppress(OSError):
            subprocess.run(["scancel", "--quiet", "--state=PENDING", *jobs])


def wait_unless_stopped(sweep: Path) -> None:
    """Waits for the jobs of this process; interrupts them if the sweep is stopped."""
    while job_processes.running:
        job_processes.wait_for_any_job(STOP_SECONDS)
        if is_stopped(sweep):
            job_processes.stop_all_jobs()


def failure(error: Exception) -> str:
    """Returns how a launcher has failed; "" if the error comes from somewhere else."""
    package, name = type(error).__module__.partition(".")[0], type(error).__name__
    if package not in ("joblib", "submitit", "ray"):
        return ""
    if name == "TerminatedWorkerError":
        codes = re.findall(r"[{,] ?([^{},]+)", str(error))
        return f"joblib lost a process ({', '.join(codes)}) and ends all others"
    lines = [line.strip() for line in str(error).splitlines() if line.strip("- ")]
    if name == "FailedJobError":  # a traceback, and the paths of logs
        end = [line.startswith("You can check") for line in lines].index(True)
        return f"a process of {package} failed: {lines[end - 1]}"
    return f"a process of {package} failed: {' '.join(lines[:2])}"


def is_stopped(sweep: Path) -> bool:
    """Whether the sweep has been stopped, so that no job may start."""
    return (sweep / RECORDS / STOPPED).exists()


def running(sweep: Path) -> list[JobRecord]:
    """Returns the records of jobs that have a process."""
    return [r for r in job_records(sweep) if r.status == "running" and r.pid]


def running_here(sweep: Path) -> list[JobRecord]:
    """Returns the records of jobs whose process runs on this machine."""
    return [r for r in running(sweep) if r.host == socket.gethostname()]
