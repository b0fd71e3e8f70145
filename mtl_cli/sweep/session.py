"""The session of a sweep: from the start of the command to its end."""

import contextlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from hydra.errors import HydraException
from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from mtl_cli.core.atomic_write import write_text
from mtl_cli.core.errors import ConfigError, MtlError, fail
from mtl_cli.core.folder_lock import LOCK_NAME, lock_folder
from mtl_cli.core.run_folder import safe_entries
from mtl_cli.core.secrets import mask_secrets
from mtl_cli.runs.job_records import (
    FAILED,
    MARK,
    RECORD_NAME,
    RECORDS,
    JobRecord,
    is_stopped,
    job_records,
    mark_as_stopped,
)
from mtl_cli.runs.outcome import failure_message
from mtl_cli.sweep import (
    external_launchers,
    job_processes,
    optuna_search,
    plugin_settings,
)
from mtl_cli.sweep.check_search import check_search
from mtl_cli.sweep.job import MULTI_WORKER_MESSAGE
from mtl_cli.sweep.search_measure import measure_of_search

if TYPE_CHECKING:
    from mtl_cli.heads.base import OutputMetric
    from mtl_cli.sweep.job_table import JobTable


@dataclass
class Session:
    """A running sweep: its locked folder, and the table that shows its jobs."""

    folder: Path
    table: "JobTable"
    lock: IO[str]
    search_is_complete: bool = False  # whether earlier starts have completed all trials
    # The monitored metrics of a search; [] for any other sweep.
    metrics: "list[OutputMetric]" = field(default_factory=list)
    num_checked_jobs: int = 0  # the number of jobs whose configurations were checked

    def finish(self) -> None:
        """Waits for the jobs of the sweep, then closes the session."""
        job_processes.wait_for_jobs()
        if not any(job_records(self.folder)):
            if not self.search_is_complete:
                raise ConfigError(
                    "the sweep has no jobs, because no key has values to try; give "
                    "values, as in seed=1,2,3"
                )
            self.table.print_line(f"nothing is left to do in {self.folder}")
        self.close()

    def stop(self, reason: str = "") -> bool:
        """Stops the running jobs, and closes the session.

        Args:
            reason: why an external launcher has failed; "" if the user stops the sweep.

        Returns: whether a job had failed before this call.
        """
        has_failed_jobs = any(r.status in FAILED for r in self.table.records())
        # Jobs that are about to start look for this mark. Running jobs are stopped even
        # if the mark cannot be written.
        with contextlib.suppress(OSError):
            mark_as_stopped(self.folder)
        job_processes.stop_all_jobs()
        external_launchers.stop_external_jobs(self.folder, reason)
        self.close()
        return has_failed_jobs

    def close(self) -> None:
        """Shows the final table and unlocks the folder."""
        # A requeued job that still waits could not start without its pickle.
        external_launchers.cancel_queued_slurm_jobs()
        plugin_settings.remove_submitit_pickles(self.folder)
        mask_multirun(self.folder)
        self.table.stop()
        if message := optuna_search.best_trial_message(self.metrics):
            self.table.print_line(message)
        self.lock.close()

    def job_counts_message(self) -> str:
        """Returns a text such as "; jobs: 2 done, 1 interrupted"; "" without jobs."""
        started = [record for record in self.table.records() if record.has_started]
        states = ["done" if r.status == "skipped" else r.status for r in started]
        counts = {state: states.count(state) for state in ("done", *FAILED, "running")}
        parts = [f"{count} {state}" for state, count in counts.items() if count]
        return f"; jobs: {', '.join(parts)}" if parts else ""

    def failures(self) -> Iterator[tuple[str, int]]:
        """Yields (error message, exit code) for each job that has failed or still runs.

        If the table could not be written to stdout, a pair about this error follows.
        """
        for record in self.table.records():
            job = f"job {record.number} ({' '.join(record.settings)})"
            if record.status in FAILED:
                yield f"{job}: {record.error}", record.code
            elif self.runs_again(record):
                yield (
                    f"{job}: started again by the cluster, and still running; give the "
                    "command again when it has ended",
                    1,
                )
        if error := self.table.output_error:
            yield (f"{error}; the jobs went on, and their runs are in {self.folder}", 1)

    def runs_again(self, record: JobRecord) -> bool:
        """Whether Slurm has requeued a job, and it still runs at the end of the sweep.

        The job's first process had saved and ended, so submitit took the job for ended.
        """
        is_running = record.status == "running" and record.has_started
        return is_running and not is_stopped(self.folder)


current: Session | None = None  # None in a process that runs no sweep


class StartOfSweep(Callback):
    """Checks a sweep and opens its session, before Hydra starts the jobs."""

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        try:
            start(config)
        except Exception as error:
            # Hydra would turn an error of a callback into a warning, and go on.
            code = error.exit_code if isinstance(error, MtlError) else 1
            sys.exit(fail("mtl-train", failure_message(error), code))


def start(config: DictConfig) -> None:
    """Checks a sweep and opens its session."""
    from mtl_cli.sweep import plan  # imports pydantic, so it loads slowly

    global current
    if config.trainer.strategy == "multi_worker":
        raise ConfigError(MULTI_WORKER_MESSAGE)
    plugin_settings.prefix_new_keys(config)
    is_search = optuna_search.is_search(config)
    if not plan.is_grid(config):
        plugin_settings.remove_replaced_params(config)
    try:
        settings = plan.settings_by_key(config)
    except HydraException:  # Hydra's sweeper raises the error again
        return
    measure: dict[str, str] = {}
    metrics: list[OutputMetric] = []
    if is_search:
        check_search(config)
        measure, metrics = measure_of_search(config, settings)
    plan.check_number_of_jobs(config)
    folder, resume = Path(config.hydra.sweep.dir), config.get("resume", "auto")
    current = open_session(folder, resume, plan.fixed_keys(settings))
    current.metrics = metrics
    current.search_is_complete = optuna_search.resume_search(config, measure)
    plugin_settings.adapt_plugins(config, plan.keys_with_one_value(settings))
    jobs = plan.planned_jobs(config)
    if jobs and not current.search_is_complete:
        current.table.first_line = f"{jobs}, in {folder}"


def open_session(folder: Path, resume: str, fixed_keys: set[str]) -> Session:
    """Locks the folder of a sweep, removes old records of jobs, and shows the table.

    `fixed_keys` are the keys that have the same value in all jobs.
    """
    check_sweep_folder(folder)
    lock = lock_folder(folder, "hydra.sweep.dir")
    holds_jobs = any(folder.glob("*/status.json"))
    if resume == "never" and holds_jobs:
        raise ConfigError(
            f"resume: 'never' needs a new folder, but {folder} holds jobs; name "
            "another folder with hydra.sweep.dir, or remove this folder"
        )
    if resume == "must" and not holds_jobs:
        raise ConfigError(
            f"resume: 'must' needs jobs to resume, but {folder} holds none; start "
            "new jobs with resume=auto"
        )
    (folder / RECORDS).mkdir(exist_ok=True)
    for name in os.listdir(folder / RECORDS):
        if RECORD_NAME.fullmatch(name):
            (folder / RECORDS / name).unlink()
    # The mark shows later starts that the folder is a sweep's, even if no job starts.
    (folder / RECORDS / MARK).touch()
    from mtl_cli.sweep.job_table import JobTable

    session = Session(folder, JobTable(folder, fixed_keys), lock)
    session.table.start()
    return session


def check_sweep_folder(folder: Path) -> None:
    """Refuses a folder that holds links, or that holds files but is not a sweep's.

    The folder of a sweep has a folder of records, with records and `MARK` in it.
    """
    names = safe_entries("hydra.sweep.dir", folder)
    records = safe_entries("hydra.sweep.dir", folder / RECORDS)
    others = sorted(set(names) - {LOCK_NAME, RECORDS})
    is_sweep = bool(records) and all(map(RECORD_NAME.fullmatch, records))
    if (others or records) and not is_sweep:
        example = others[0] if others else RECORDS
        raise ConfigError(
            f"hydra.sweep.dir: {folder} holds '{example}' and is not the folder of a "
            "sweep; name a new folder"
        )


def mask_multirun(folder: Path) -> None:
    """Masks the secrets in the configuration that Hydra has written for the sweep."""
    path = folder / "multirun.yaml"
    if path.is_file():
        text = path.read_text("utf-8")
        masked = mask_secrets(text)
        if masked != text:
            write_text(path, masked)
