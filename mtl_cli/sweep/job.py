"""A job of a sweep, and the code that runs in the job's process."""

import faulthandler
import json
import os
import signal
import socket
import threading
import time
from dataclasses import dataclass
from multiprocessing import connection, parent_process
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from mtl_cli.core import errors, plugins, secrets, signals
from mtl_cli.core.errors import ConfigError, MtlError
from mtl_cli.core.nested import literal_config
from mtl_cli.core.other_files import read_json_object
from mtl_cli.core.run_status import status_of
from mtl_cli.core.signals import Stopped
from mtl_cli.runs import outcome
from mtl_cli.runs.execution import RunRequest, execute
from mtl_cli.runs.job_records import JobRecord, is_stopped

PARENT_CHECK_SECONDS = 1.0
MULTI_WORKER_MESSAGE = (
    "trainer.strategy: multi_worker is for one run on several machines, but each job "
    "of a sweep runs on one machine"
)


@dataclass(frozen=True)
class Job:
    """A run of a sweep, as plain values that can be sent to another process."""

    record: JobRecord
    values: dict[str, Any]  # the resolved configuration
    choices: dict[str, Any]  # the chosen option of each config group
    sweep: Path  # the sweep's folder
    threads: int  # threads per TensorFlow operation; 0 lets TensorFlow choose
    secrets: dict[str, str]  # {value: environment variable}
    plugins: list[str]  # the folders that `--plugins` names

    @property
    def composed(self) -> DictConfig:
        """The configuration, as Hydra would compose it."""
        return literal_config(self.values)

    @property
    def folder(self) -> Path:
        return self.sweep / self.record.name


def run_job(job: Job) -> None:
    """Runs a job in its own process, and records how the job ends."""
    start = time.monotonic()
    prepare_process(job)
    record = job.record
    try:
        execute_job(job)
    except KeyboardInterrupt as stop:
        record.status = "interrupted"
        record.code = stop.code if isinstance(stop, Stopped) else 130
        record.error = str(stop) or "interrupted"
    except (Exception, SystemExit) as error:
        record.status = "failed"
        record.error, record.code = outcome.message_and_code(error)
    record.seconds = time.monotonic() - start
    record.write(job.sweep)


def prepare_process(job: Job) -> None:
    """Sets the signals, the output, the threads and the secrets of a job's process."""
    # In a session of its own, the job does not receive Ctrl-C from the terminal: the
    # sweep receives Ctrl-C, and then interrupts its jobs.
    os.setsid()
    die_with_parent()
    # The sweep's table has the terminal: stdout (1) is dropped, stderr (2) is kept.
    stderr = job.record.stderr_path(job.sweep)
    for path, descriptor in ((os.devnull, 1), (stderr, 2)):
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.dup2(file, descriptor)
        os.close(file)
    faulthandler.enable()
    if job.threads:
        os.environ["TF_NUM_INTRAOP_THREADS"] = str(job.threads)
    # The fork server ignores these signals, and a fork inherits that.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signals.install(takes_one_signal=True)
    errors.warn_in_one_line()
    secrets.add_secrets(job.secrets)


def die_with_parent() -> None:
    """Kills this process as soon as the process that started it has ended.

    Only a process that `multiprocessing` or joblib has started knows its parent.
    """
    parent = parent_process()
    if parent is None:
        return

    def watch(parent_pid: int, sentinel: int | None) -> None:
        if sentinel is not None:
            connection.wait([sentinel])
        else:
            # A worker of joblib has no sentinel. When the parent ends, the system gives
            # the worker another parent.
            while os.getppid() == parent_pid:
                time.sleep(PARENT_CHECK_SECONDS)
        os.kill(os.getpid(), signal.SIGKILL)

    arguments = (parent.pid, parent.sentinel)
    threading.Thread(target=watch, args=arguments, daemon=True).start()


def execute_job(job: Job) -> None:
    """Executes the run of a job, and notes its status and scores in its record."""
    record = job.record
    record.pid = os.getpid()
    record.host = socket.gethostname()
    record.write(job.sweep)
    # If the sweep was stopped while this process started, its signal is lost: a new
    # process ignores signals until `prepare_process` has installed the handlers.
    if is_stopped(job.sweep):
        raise KeyboardInterrupt
    plugins.use_folders(job.plugins)
    if job.values["trainer"]["strategy"] == "multi_worker":
        raise ConfigError(MULTI_WORKER_MESSAGE)
    settings = [*plugins.plugin_flags(), *record.settings]
    request = RunRequest(job.composed, job.choices, settings, job.folder)
    _, was_executed = execute(request)
    record.status = "done" if was_executed else "skipped"
    note_scores(job)


def note_scores(job: Job) -> None:
    """Notes the first metric of each task of a finished run, and the run's objective.

    The first metrics are of the validation rows or, without these, of the test or
    training rows. The objective, the monitored metric, is of the validation rows alone:
    a search must not choose by other rows.
    """
    from mtl_cli.config.check import check
    from mtl_cli.config.monitor import metrics_of_run
    from mtl_cli.scoring.scores import monitored_score, monitored_value, read_scores
    from mtl_cli.sweep.search_measure import row_settings

    config = check(job.composed)
    scores = read_scores(job.folder, config.outputs)
    if not scores:  # a run with check_only=true has no scores
        return
    split = next(split for split in ("valid", "test", "train") if split in scores)
    job.record.scores = {
        output.name: scores[split][output.name][output.first_metric]
        for output in config.outputs
        if not output.added_by_heads
    }
    if "valid" in scores:
        environment = read_json_object(job.folder / "environment.json")
        monitor, outputs = config.trainer.monitor, config.outputs
        metrics = metrics_of_run(monitor, outputs, environment)
        job.record.measure = json.dumps([monitor, row_settings(config.dataset)])
        job.record.objective = monitored_value(metrics, scores["valid"])
        job.record.monitored = monitored_score(metrics, job.record.objective)


def skip_if_done(job: Job) -> bool:
    """Records a job as skipped if its folder holds its finished run.

    If the folder holds another run or is damaged, the job's process reports the error.
    """
    from mtl_cli.config.check import check
    from mtl_cli.runs.resume import choose_start

    record = job.record
    start = time.monotonic()
    try:
        if status_of(job.folder).get("status") != "done":
            return False
        config = check(job.composed)
        # Raises an error if the folder holds another run.
        choose_start(config, job.folder, is_named_by_time=False)
        note_scores(job)
    except (MtlError, OSError, ValueError):
        return False
    record.status = "skipped"
    record.seconds = time.monotonic() - start
    record.write(job.sweep)
    return True
