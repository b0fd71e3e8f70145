"""The processes of jobs: forks of a server that has loaded TensorFlow.

A fork takes hundredths of a second, but importing TensorFlow takes 3 s. If a process
dies, its job has failed, and the sweep and its other jobs go on.
"""

import contextlib
import multiprocessing
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing import connection, forkserver
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path

from mtl_cli.core import signals
from mtl_cli.core.errors import DataError, first_line
from mtl_cli.sweep.job import Job, run_job
from mtl_cli.sweep.job_deaths import exit_reason, record_death

GRACE_SECONDS = 60  # an interrupted job that runs for longer than this is killed
MAX_WAIT_SECONDS = 86_400  # the operating system refuses to wait more than 24 days


@dataclass
class RunningJob:
    """A job and its process."""

    job: Job
    process: BaseProcess
    deadline: float  # the monotonic time after which the process is killed
    start: float  # the monotonic time at which the process started
    is_interrupted: bool = False  # whether the sweep was stopped while the job ran


running: list[RunningJob] = []  # the jobs that this process has started, until they end


def fork_server() -> ForkServerContext:
    """Starts the fork server if none runs, and returns a context for new processes."""
    # In a worker process of joblib, the start method is `loky`. A new process would get
    # this start method too, and fail, because only joblib's processes know it.
    multiprocessing.set_start_method("forkserver", force=True)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["mtl_cli.sweep.fork_server_preload"])
    with ignored_signals():
        forkserver.ensure_running()
    return context


@contextlib.contextmanager
def ignored_signals() -> Iterator[None]:
    """Makes processes that start inside the block ignore the signals that end a run.

    Ctrl-C, a closed terminal, Slurm and systemd also signal the fork server. If the
    server ended, its jobs would be cut off before they have saved. Python's fork server
    ignores Ctrl-C only after its imports. Before a time limit or a preemption, Slurm
    sends SIGUSR2 to all processes of a job; only the process of submitit answers.
    """
    numbers = [*signals.SIGNALS, signal.SIGUSR2]
    handlers = {number: signal.getsignal(number) for number in numbers}
    in_main_thread = threading.current_thread() is threading.main_thread()
    # Only the main thread can set a handler. A handler of C code is None here: Python
    # could not restore it.
    if None in handlers.values() or not in_main_thread:
        yield
        return
    for number in handlers:
        signal.signal(number, signal.SIG_IGN)
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def start_process(job: Job, jobs_at_once: int, timeout: float | None) -> None:
    """Starts a job as soon as fewer than `jobs_at_once` jobs run.

    The job will be killed after `timeout` seconds; None sets no limit.
    """
    while len(running) >= jobs_at_once:
        wait_for_any_job()
    record = job.record
    record.write(job.sweep)
    process = fork_server().Process(target=run_job, args=(job,), daemon=True)
    try:
        process.start()
    except (OSError, EOFError) as error:
        record.status = "failed"
        record.code = 1
        record.error = f"the process cannot be started: {first_line(error)}"
        record.write(job.sweep)
        return
    start = time.monotonic()
    deadline = start + (float("inf") if timeout is None else timeout)
    running.append(RunningJob(job, process, deadline, start))


def wait_for_any_job(max_seconds: float = float("inf")) -> None:
    """Waits until a job ends or its deadline passes, but at most `max_seconds`.

    Jobs whose deadline has passed are killed.
    """
    seconds_left = min(r.deadline for r in running) - time.monotonic()
    timeout = max(min(seconds_left, max_seconds, MAX_WAIT_SECONDS), 0)
    ended = connection.wait([r.process.sentinel for r in running], timeout)
    for running_job in list(running):
        is_late = time.monotonic() > running_job.deadline
        if is_late:
            running_job.process.kill()
        if is_late or running_job.process.sentinel in ended:
            complete_record(running_job, is_late)


def wait_for_jobs(folders: list[Path] | None = None) -> None:
    """Waits until the jobs with these run folders have ended; None for all jobs."""
    while any(folders is None or r.job.folder in folders for r in running):
        wait_for_any_job()


def stop_all_jobs() -> None:
    """Interrupts all running jobs as Ctrl-C does, and waits until they have ended."""
    for running_job in running:
        process = running_job.process
        if process.pid is not None and process.is_alive():
            with contextlib.suppress(ProcessLookupError):  # it has just ended
                os.kill(process.pid, signal.SIGINT)
        running_job.is_interrupted = True
        running_job.deadline = time.monotonic() + GRACE_SECONDS
    wait_for_jobs()


def complete_record(running_job: RunningJob, is_late: bool) -> None:
    """Completes the record of a job whose process has ended, or was killed late."""
    running.remove(running_job)
    job = running_job.job
    process = running_job.process
    process.join()
    # Counted from `start`, as the deadline is: so a job that was killed after its
    # deadline has run for at least `sweep.timeout_minutes`.
    seconds = time.monotonic() - running_job.start
    try:
        record = job.record.read(job.sweep)
    except DataError as error:  # somebody has changed or removed the record
        job.record.pid, job.record.host = process.pid or 0, socket.gethostname()
        record_death(job.sweep, job.record, str(error), seconds)
        record = job.record
    if record.status == "running":
        reason = reason_of_death(running_job, is_late)
        record_death(job.sweep, record, reason, seconds)
    record.stderr_path(job.sweep).unlink(missing_ok=True)
    process.close()


def reason_of_death(running_job: RunningJob, is_late: bool) -> str:
    """Returns why a job's process has ended before it could record its end."""
    if not is_late:
        return exit_reason(running_job.process.exitcode or 0)
    if running_job.is_interrupted:
        return (
            f"the job did not end within {GRACE_SECONDS} s after the sweep was stopped"
        )
    return "the job ran longer than sweep.timeout_minutes"
