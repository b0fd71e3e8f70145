"""Runs jobs in processes forked from a server that has loaded TensorFlow.

A fork takes hundredths of a second where TensorFlow's import takes 3 s. Whatever
happens to a job's process is a failed job, and nothing else.
"""

import contextlib
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing import connection, forkserver
from multiprocessing.process import BaseProcess
from typing import Any

from mtl_cli.core.errors import first_line
from mtl_cli.core.run_folder import RunFolder, status_of
from mtl_cli.runs.job_records import JobRecord
from mtl_cli.sweep.job import Job, perform

GRACE_SECONDS = 60


@dataclass
class Running:
    """A job's process.

    Attributes:
        deadline: by the monotonic clock, when it is killed.
    """

    job: Job
    process: BaseProcess
    deadline: float


running: list[Running] = []


def server() -> Any:
    """Returns how to start processes, from a server that loads TensorFlow meanwhile."""
    # A joblib worker's own way of starting processes cannot be had in ours.
    multiprocessing.set_start_method("forkserver", force=True)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["mtl_cli.sweep.fork_server_preload"])
    with deaf():
        forkserver.ensure_running()
    return context


@contextlib.contextmanager
def deaf() -> Iterator[None]:
    """Has processes that are started ignore Ctrl-C, which reaches the sweep's too.

    Python's server does so itself, but only once it has loaded.
    """
    before = signal.getsignal(signal.SIGINT)
    main = threading.current_thread() is threading.main_thread()
    if before is None or not main:  # then Python cannot change or restore it
        yield
        return
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def start(job: Job, most: int, timeout: float | None) -> None:
    """Starts a job, as soon as fewer than `most` are running.

    Args:
        job: to start.
        most: jobs at a time.
        timeout: seconds after which it is killed; None for no limit.
    """
    while len(running) >= most:
        wait_for_one()
    record = job.record
    record.write(job.sweep)
    process = server().Process(target=perform, args=(job,), daemon=True)
    try:
        process.start()
    except (OSError, EOFError) as error:
        record.status, record.code = "failed", 1
        record.error = f"its process cannot be started: {first_line(error)}"
        record.write(job.sweep)
        return
    deadline = time.monotonic() + (float("inf") if timeout is None else timeout)
    running.append(Running(job, process, deadline))


def wait_for_one() -> None:
    """Waits until a job's process has ended, or its time is over."""
    left = min(r.deadline for r in running) - time.monotonic()
    limit = None if left == float("inf") else max(left, 0)
    ended = connection.wait([r.process.sentinel for r in running], limit)
    for one in list(running):
        late = time.monotonic() > one.deadline
        if late:
            one.process.kill()
        if late or one.process.sentinel in ended:
            close(one, late)


def wait_for(jobs: list[Job]) -> list[JobRecord]:
    """Waits until none of these jobs is running; returns how they ended."""
    while any(one.job in jobs for one in running):
        wait_for_one()
    return [job.record.read(job.sweep) for job in jobs]


def wait_for_all() -> None:
    """Waits until no job is running."""
    while running:
        wait_for_one()


def stop_all() -> None:
    """Tells all running jobs to stop as Ctrl-C does, and waits until they have."""
    for one in running:
        if one.process.pid is not None and one.process.is_alive():
            os.kill(one.process.pid, signal.SIGINT)
        one.deadline = time.monotonic() + GRACE_SECONDS
    wait_for_all()


def close(one: Running, late: bool) -> None:
    """Records how a process ended, if it could not do so itself."""
    one.process.join()
    running.remove(one)
    record = one.job.record.read(one.job.sweep)
    errors = record.errors(one.job.sweep)
    if record.status == "running":
        code = one.process.exitcode or 0
        record.status, record.code = "failed", 1
        record.error = "out of time (sweep.timeout_minutes)" if late else ending(code)
        said = errors.read_text("utf-8", "replace") if errors.exists() else ""
        record.write(one.job.sweep)
        mark_failed(one.job, record.error, said)
    errors.unlink(missing_ok=True)
    one.process.close()


def ending(code: int) -> str:
    """Says how a process ended, by its exit code.

    >>> ending(-9)
    'killed by SIGKILL (out of memory?)'
    """
    if code >= 0:
        return f"its process ended with exit code {code}"
    name = signal.Signals(-code).name
    return f"killed by {name}" + (" (out of memory?)" if name == "SIGKILL" else "")


def mark_failed(job: Job, error: str, said: str) -> None:
    """Writes into a run's folder what its process could not write any more."""
    if not status_of(job.folder):
        return
    folder = RunFolder(job.folder)
    folder.finish("failed", error)
    folder.release()
    with (job.folder / "train.log").open("a", encoding="utf-8") as log:
        log.write(f"{said.rstrip()}\n{error}\n".lstrip())
