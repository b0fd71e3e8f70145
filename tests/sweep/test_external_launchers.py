"""Jobs in the processes of other launchers: stopped, cut off, taken off a queue."""

import json
import logging
import os
import pickle
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mtl_cli.core.errors import CutOffJobError
from mtl_cli.core.run_status import status_of
from mtl_cli.runs.job_records import JobRecord
from mtl_cli.sweep import external_launchers, job_processes, plugin_settings
from mtl_cli.sweep.job import Job
from mtl_cli.sweep.job_deaths import record_death
from mtl_cli.sweep.job_table import JobTable
from mtl_cli.sweep.session import Session
from mtl_cli.sweep.start_jobs import Objective


def cut_off_job(sweep: Path) -> JobRecord:
    """Writes the record of a job whose process started 5 s ago and was killed."""
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    record = JobRecord("0", "x", [], pid=ended.pid, host=socket.gethostname())
    record.write(sweep)
    path = record.path(sweep)
    os.utime(path, times=(path.stat().st_mtime - 5,) * 2)
    (sweep / "x").mkdir()
    status = {"status": "running", "pid": record.pid, "host": record.host}
    (sweep / "x" / "status.json").write_text(json.dumps(status))
    return record


@pytest.mark.parametrize("change", [{"status": "done"}, {"pid": 1}, {"host": "other"}])
def test_run_of_another_process_stays_as_it_is(
    change: dict[str, Any], tmp_path: Path
) -> None:
    record = cut_off_job(tmp_path)
    path = tmp_path / "x" / "status.json"
    text = json.dumps(json.loads(path.read_text()) | change)
    path.write_text(text)
    external_launchers.stop_external_jobs(tmp_path, "a reason")
    assert record.read(tmp_path).status == "failed"
    assert path.read_text() == text


def test_equal_job_of_another_process_ends_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = JobRecord("9.2", "twin", [], pid=os.getpid(), host=socket.gethostname())
    other.write(tmp_path)
    waits = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        other.status = "done"
        other.write(tmp_path)

    monkeypatch.setattr(external_launchers.time, "sleep", wait)
    for number, name, num_waits in (("8.2", "x", 0), ("8.2", "twin", 1)):
        record = JobRecord(number, name, [])
        job = Job(record, {}, {}, tmp_path, 0, {}, [])
        external_launchers.wait_for_equal_job(job)
        assert len(waits) == num_waits
    # Neither job has a process: the job with the lower number does not wait.
    other.status, other.pid = "running", 0
    other.write(tmp_path)
    external_launchers.wait_for_equal_job(job)
    assert len(waits) == 1
    later = Job(JobRecord("10.2", "twin", []), {}, {}, tmp_path, 0, {}, [])
    record.status = "done"
    record.write(tmp_path)
    external_launchers.wait_for_equal_job(later)
    assert len(waits) == 2


def test_sweep_reads_the_objective_that_a_worker_process_returns(
    tmp_path: Path,
) -> None:
    records = [JobRecord(f"0.{seed}", f"seed={seed}", []) for seed in (1, 2)]
    objective = pickle.loads(pickle.dumps(Objective(records, tmp_path)))
    for record, value in zip(records, (0.25, 0.75), strict=True):
        record.objective = value
        record.write(tmp_path)
    assert float(objective) == 0.5
    records[1].objective = None
    record_death(tmp_path, records[1], "killed", 1.0)
    with pytest.raises(CutOffJobError, match=r"job 0\.2: killed"):
        float(objective)


def test_job_cut_off_by_its_launcher_has_failed_after_the_time_it_ran(
    tmp_path: Path,
) -> None:
    record = cut_off_job(tmp_path)
    external_launchers.stop_external_jobs(tmp_path, "a reason")
    record = record.read(tmp_path)
    assert (record.status, record.code) == ("failed", 1)
    assert record.error == "cut off: a reason"
    assert 5 <= record.seconds < 60
    assert status_of(tmp_path / "x")["status"] == "failed"
    assert "a reason" in (tmp_path / "x" / "train.log").read_text()


def test_job_cut_off_by_ctrl_c_is_interrupted(tmp_path: Path) -> None:
    record = cut_off_job(tmp_path)
    external_launchers.stop_external_jobs(tmp_path)
    record = record.read(tmp_path)
    assert (record.status, record.error, record.code) == ("interrupted", "cut off", 130)
    assert 5 <= record.seconds < 60


def test_failures_of_launchers_are_told_from_other_errors() -> None:
    assert external_launchers.launcher_failure_message(ValueError("x")) == ""
    loky = pytest.importorskip("joblib.externals.loky.process_executor")
    error = loky.TerminatedWorkerError(
        "A worker was terminated.\n\nThe exit codes of the workers are {SIGKILL(-9)}"
    )
    message = (
        "a process of joblib failed: A worker was terminated. The exit codes of the "
        "workers are {SIGKILL(-9)}"
    )
    assert external_launchers.launcher_failure_message(error) == message


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        (
            "FailedJobError",
            "Job (task=0) failed during processing with trace:\n----\nTraceback:\n  x\n"
            "OSError: no space\n\n----\nYou can check full logs with 'job.stderr(0)'\n",
            "a process of submitit failed: OSError: no space",
        ),
        (
            "UncompletedJobError",
            "Job 10_2 (task: 0) with path /a/10_2_0_result.pkl\nhas not produced any "
            "output (state: CANCELLED by 0)\nNo output/error stream produced !",
            "submitit's job 10_2 gave no result (state: CANCELLED by 0), see /a",
        ),
    ],
    ids=["the end of its traceback", "a job without a result"],
)
def test_failure_of_submitit_is_told_in_one_line(
    kind: str, text: str, message: str
) -> None:
    submitit = pytest.importorskip("submitit.core.utils")
    error = getattr(submitit, kind)(text)
    assert external_launchers.launcher_failure_message(error) == message


@pytest.mark.parametrize("text", ["sbatch: error: invalid partition", ""])
def test_refusal_of_slurm_is_the_failure(text: str) -> None:
    submitit = pytest.importorskip("submitit.core.utils")
    message = external_launchers.launcher_failure_message(submitit.FailedJobError(text))
    assert message == f"a process of submitit failed: {text}"


@pytest.mark.parametrize("ends", [False, True])
def test_waiting_jobs_leave_the_queue_of_slurm(
    ends: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slurm = pytest.importorskip("submitit.slurm.slurm", reason="extra slurm")
    watcher = slurm.SlurmInfoWatcher()
    monkeypatch.setattr(slurm.SlurmJob, "watcher", watcher)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    scancel = tmp_path / "scancel"
    scancel.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\n')
    scancel.chmod(0o755)
    external_launchers.cancel_queued_slurm_jobs()
    assert not (tmp_path / "calls").exists()
    for task in ("7_0", "7_1", "9"):
        watcher.register_job(task)
    if ends:  # a requeued job may wait at the end of its sweep
        with (tmp_path / "lock").open("w") as lock:
            session = Session(tmp_path, JobTable(tmp_path), lock)
            session.table.start()
            session.close()
    else:
        external_launchers.cancel_queued_slurm_jobs()
    assert (tmp_path / "calls").read_text() == "--quiet --state=PENDING 7 9\n"


def test_warning_of_submitit_is_shown_once(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("submitit", reason="extra slurm")
    logger, shown = logging.getLogger("submitit"), []
    monkeypatch.setattr(logger, "handlers", list(logger.handlers))
    monkeypatch.setattr(logger, "filters", [])
    plugin_settings.print_warnings_once()
    assert [handler.name for handler in logger.handlers] == ["submitit_err"]
    handler = logging.Handler()
    handler.emit = shown.append  # type: ignore[method-assign]
    monkeypatch.setattr(logger, "handlers", [handler])
    for call in (1, 2):
        logger.warning(f"Call #{call} - Bypassing sacct error")
    logger.warning("another")
    assert len(shown) == 2


def test_processes_wait_no_longer_than_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    read, write = os.pipe()

    class Sleeping:
        sentinel = read

    job = job_processes.RunningJob(None, Sleeping(), float("inf"), 0.0)  # type: ignore
    monkeypatch.setattr(job_processes, "running", [job])
    job_processes.wait_for_any_job(0.01)
    assert job_processes.running == [job]
    os.close(read)
    os.close(write)
