"""The session of a sweep: from the start of the command to its end."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from mtl_cli.core.atomic_write import write_text
from mtl_cli.core.errors import ConfigError, fail
from mtl_cli.core.folder_lock import LOCK_NAME, lock_folder
from mtl_cli.core.run_folder import safe_entries, status_of
from mtl_cli.core.secrets import mask_secrets
from mtl_cli.runs.job_records import FAILED, RECORD_NAME, RECORDS, job_records


class Session:
    """Locks a sweep's folder and shows the table of its jobs.

    Args:
        folder: the sweep's folder; made if it is missing.
        resume: the key `resume`: `must` needs jobs in the folder, `never` a folder
            without jobs, `auto` takes both. Another folder is a `ConfigError`.
        num_jobs: number of jobs; None if it is not known in advance.

    Attributes:
        is_complete: whether earlier starts have completed all trials of a search.
    """

    def __init__(self, folder: Path, resume: str, num_jobs: int | None) -> None:
        self.folder = folder
        self.num_jobs = num_jobs
        self.is_complete = False
        check_sweep_folder(folder)
        self.lock = lock_folder(folder, "hydra.sweep.dir")
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
        from mtl_cli.sweep.job_table import JobTable

        self.table = JobTable(folder)
        self.table.start()

    def close(self) -> None:
        """Shows the final table and unlocks the folder."""
        from mtl_cli.sweep.plugin_settings import remove_submitit_pickles

        remove_submitit_pickles()
        self.table.stop()
        mask_multirun(self.folder)
        self.lock.close()


# The session of this process; None in a process that runs no sweep. Without a session,
# the functions below do nothing.
current: Session | None = None


def mask_multirun(folder: Path) -> None:
    """Masks the secrets in the configuration that Hydra has written for the sweep."""
    path = folder / "multirun.yaml"
    if path.is_file():
        text = path.read_text("utf-8")
        masked = mask_secrets(text)
        if masked != text:
            write_text(path, masked)


def check_sweep_folder(folder: Path) -> None:
    """Refuses a folder that holds links, or that is neither empty nor of a sweep."""
    names = safe_entries("hydra.sweep.dir", folder)
    records = safe_entries("hydra.sweep.dir", folder / RECORDS)
    others = sorted(set(names) - {LOCK_NAME, RECORDS})
    is_sweep = bool(records) and all(map(RECORD_NAME.fullmatch, records))
    if (others or records) and not is_sweep:
        raise ConfigError(
            f"hydra.sweep.dir: {folder} holds '{[*others, RECORDS][0]}' and is "
            "not the folder of a sweep; name a new folder"
        )


def finish() -> None:
    """Waits for the jobs of the sweep, then closes the session.

    Raises:
        ConfigError: if the sweep had no jobs.
    """
    if current is None:
        return
    from mtl_cli.sweep import job_processes

    job_processes.wait_for_jobs()
    if not any(job_records(current.folder)):
        if not current.is_complete:
            raise ConfigError(
                "the sweep has no jobs, because no key has values to try; give values, "
                "as in seed=1,2,3"
            )
        current.table.print_line(f"nothing is left to do in {current.folder}")
    current.close()


def stop(reason: str = "") -> bool:
    """Stops the running jobs, and closes the session.

    Returns: whether a job had failed before this call.
    """
    if current is None:
        return False
    from mtl_cli.sweep import external_launchers, job_processes

    has_failed_jobs = any(r.status in FAILED for r in job_records(current.folder))
    job_processes.stop_all_jobs()
    external_launchers.stop_external_jobs(current.folder, reason)
    current.close()
    return has_failed_jobs


def job_counts_message() -> str:
    """Returns the numbers of jobs by state, for the message about a stopped sweep."""
    if current is None:
        return ""
    started = [record for record in job_records(current.folder) if record.has_started]
    states = ["done" if r.status == "skipped" else r.status for r in started]
    counts = {state: states.count(state) for state in ("done", *FAILED, "running")}
    if current.num_jobs is not None:
        counts["not started"] = current.num_jobs - len(started)
    parts = [f"{count} {state}" for state, count in counts.items() if count]
    return f"jobs: {', '.join(parts)}" if parts else ""


def failures() -> Iterator[tuple[str, int]]:
    """Yields (error message, exit code) for each failed job and for a failed stdout."""
    if current is None:
        return
    for record in job_records(current.folder):
        if record.status in FAILED:
            settings = " ".join(record.settings)
            yield f"job {record.number} ({settings}): {record.error}", record.code
    if error := current.table.output_error:
        yield (f"{error}; the jobs went on, and their runs are in {current.folder}", 1)


class StartOfSweep(Callback):
    """Checks a sweep and opens its session, before Hydra starts the jobs."""

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        from mtl_cli.sweep import job_processes, optuna_search, plan
        from mtl_cli.sweep.job import MULTI_WORKER_MESSAGE
        from mtl_cli.sweep.plugin_settings import adapt_plugins, uses_basic_launcher

        global current
        try:
            if config.trainer.strategy == "multi_worker":
                raise ConfigError(MULTI_WORKER_MESSAGE)
            optuna_search.check_search(config)
            num_jobs = plan.number_of_jobs(config, plan.keys_of_config(config))
            folder, resume = config.hydra.sweep.dir, config.get("resume", "auto")
            current = Session(Path(folder), resume, num_jobs)
            current.is_complete = optuna_search.resume_search(config)
            adapt_plugins(config)
        except ConfigError as error:
            # Hydra would turn an error of a callback into a warning, and go on.
            sys.exit(fail("mtl-train", str(error), error.exit_code))
        # The fork server loads TensorFlow while Hydra composes the jobs. A resumed
        # sweep may have no job left to run, so its server starts with the first job.
        if uses_basic_launcher(config.hydra) and not holds_only_done_jobs(
            current.folder
        ):
            job_processes.fork_server()


def holds_only_done_jobs(sweep: Path) -> bool:
    """Whether a sweep's folder holds jobs, and all jobs in it are done."""
    folders = [path.parent for path in sweep.glob("*/status.json")]
    try:
        states = [status_of(folder).get("status") for folder in folders]
    except ConfigError:
        return False
    return set(states) == {"done"}
