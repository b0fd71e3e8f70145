"""Stops jobs whose processes belong to a launcher plugin of Hydra.

Such launchers are joblib, submitit and Ray. A worker process of the launcher, perhaps
on another machine, calls `start_jobs`, and starts the jobs, see `job_processes`. With
Hydra's basic launcher, the process of the sweep starts and stops its jobs itself.
"""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from mtl_cli.core.errors import DataError
from mtl_cli.core.run_status import has_ended
from mtl_cli.runs.job_records import (
    JobRecord,
    is_stopped,
    job_records,
    order_of_number,
    read_record,
    record_paths,
)
from mtl_cli.sweep import job_processes
from mtl_cli.sweep.job import Job
from mtl_cli.sweep.job_deaths import record_death, seconds_since_start

POLL_SECONDS = 0.1
STOP_CHECK_SECONDS = 1.0


def stop_external_jobs(sweep: Path, reason: str = "") -> None:
    """Interrupts the running jobs of a stopped sweep, and waits until they have ended.

    Jobs on other machines see that the sweep is stopped, and end by themselves. A job
    that a launcher has killed cannot record its end, so this function does. `reason`
    says why the launcher has failed; it is "" if the user stops the sweep.
    """
    cancel_queued_slurm_jobs()
    for record in running_here(sweep):
        with contextlib.suppress(ProcessLookupError):
            os.kill(record.pid, signal.SIGINT)
    deadline = time.monotonic() + job_processes.GRACE_SECONDS
    while any(map(may_be_alive, running_records(sweep))):
        if time.monotonic() > deadline:
            break
        time.sleep(POLL_SECONDS)
    for record in running_here(sweep):
        if has_ended(record.pid):
            record_cut_off_job(sweep, record, reason)


def cancel_queued_slurm_jobs() -> None:
    """Cancels the jobs of this process that still wait in Slurm's queue."""
    slurm = sys.modules.get("submitit.slurm.slurm")
    task_ids = slurm.SlurmJob.watcher._registered if slurm else ()
    # The tasks 7_0 and 7_1 belong to job 7.
    if jobs := sorted({task_id.partition("_")[0] for task_id in task_ids}):
        with contextlib.suppress(OSError):
            subprocess.run(["scancel", "--quiet", "--state=PENDING", *jobs])


def running_here(sweep: Path) -> list[JobRecord]:
    return [r for r in running_records(sweep) if r.host == socket.gethostname()]


def running_records(sweep: Path) -> list[JobRecord]:
    """Returns the undamaged records of the jobs that have a process, on any machine."""
    records = []
    for path in record_paths(sweep):
        with contextlib.suppress(DataError):
            records.append(read_record(path))
    return [r for r in records if r.status == "running" and r.pid]


def may_be_alive(record: JobRecord) -> bool:
    """Whether a job may still run; the process of another machine is not known here."""
    return record.host != socket.gethostname() or not has_ended(record.pid)


def record_cut_off_job(sweep: Path, record: JobRecord, reason: str) -> None:
    """Records the end of a job that the launcher has killed, and why, if it failed."""
    seconds = seconds_since_start(sweep, record)
    if reason:
        record_death(sweep, record, f"cut off: {reason}", seconds)
        return
    record.status, record.error, record.code = "interrupted", "cut off", 130
    record.seconds = seconds
    record.write(sweep)


def wait_unless_stopped(sweep: Path) -> None:
    """Waits for the jobs of this process, and interrupts them if the sweep stops."""
    while job_processes.running:
        job_processes.wait_for_any_job(STOP_CHECK_SECONDS)
        if is_stopped(sweep):
            job_processes.stop_all_jobs()


def wait_for_equal_job(job: Job) -> None:
    """Waits while another process of the launcher runs a job with the same run folder.

    Jobs that train different models may share the run folder of a single-task twin: a
    run that trains each task alone.
    """
    job.record.write(job.sweep)
    while not is_stopped(job.sweep) and any(
        goes_first(other, job.record) for other in job_records(job.sweep)
    ):
        time.sleep(STOP_CHECK_SECONDS)


def goes_first(other: JobRecord, own_record: JobRecord) -> bool:
    """Whether another job has the same run folder, and goes before this process's job.

    Of two jobs that have no process yet, the job with the lower number goes first.
    """
    is_same_job = other.number == own_record.number
    if is_same_job or other.name != own_record.name or other.status != "running":
        return False
    if other.pid:
        return may_be_alive(other)
    return order_of_number(other.number) < order_of_number(own_record.number)


def launcher_failure_message(error: Exception) -> str:
    """Describes how a launcher plugin has failed; "" for errors of other packages."""
    package = type(error).__module__.partition(".")[0]
    if package not in ("joblib", "submitit", "ray"):
        return ""
    # The text of a failed job of submitit holds a traceback, and then the line "You can
    # check ..." The end of the traceback says what is wrong.
    if end := re.search(r"(.+)\n[\s-]*You can check", str(error)):
        return f"a process of {package} failed: {end[1]}"
    if end := re.match(r"Job (\S+) .* path (.+)/.+\n.+ output \((.+)\)", str(error)):
        job, folder, state = end.groups()
        return f"submitit's job {job} gave no result ({state}), see {folder}"
    lines = [line.strip() for line in str(error).splitlines() if line.strip("- ")]
    return f"a process of {package} failed: {' '.join(lines[:2])}"
