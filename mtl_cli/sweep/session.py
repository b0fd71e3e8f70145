"""One start of a sweep, in the process that a person started."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from mtl_cli.core.errors import ConfigError, fail
from mtl_cli.core.run_folder import hold, status_of
from mtl_cli.runs.job_records import FAILED, RECORDS, job_records


class Session:
    """Holds a sweep's folder, and shows its jobs.

    Args:
        folder: of the sweep; made if it is missing.
        resume: `auto`, `must`, or `never`, which takes no folder that holds jobs.

    Attributes:
        complete: whether all has been done before, so that there are no jobs.
        jobs: how many there are; None where that turns out on the way.

    Raises:
        ConfigError: if another process runs this sweep, or `resume` forbids it.
    """

    def __init__(self, folder: Path, resume: str) -> None:
        self.folder = folder
        self.lock = hold(folder, "hydra.sweep.dir")
        holds_jobs = any(folder.glob("*/status.json"))
        if resume == "never" and holds_jobs:
            raise ConfigError(
                f"resume: never, but {folder} holds jobs; name another folder with "
                "hydra.sweep.dir, or remove this one"
            )
        if resume == "must" and not holds_jobs:
            raise ConfigError(
                f"resume: must, but {folder} holds no jobs; resume=auto starts them"
            )
        shutil.rmtree(folder / RECORDS, ignore_errors=True)
        (folder / RECORDS).mkdir()
        from mtl_cli.sweep.job_table import Table

        self.complete = False
        self.jobs: int | None = None
        self.table = Table(folder)
        self.table.start()

    def close(self) -> None:
        """Shows the last state, and lets go of the folder."""
        self.table.stop()
        self.lock.close()


current: Session | None = None


def wait() -> None:
    """Waits for the jobs of the sweep, if this is one, and closes it.

    Raises:
        ConfigError: if it has no jobs.
    """
    if current is None:
        return
    from mtl_cli.sweep import job_processes

    job_processes.wait_for_all()
    if not any(job_records(current.folder)):
        if not current.complete:
            raise ConfigError(
                "the sweep has no jobs: what it goes over is empty; give keys values, "
                "as in seed=1,2,3"
            )
        current.table.say(f"nothing is left to do in {current.folder}")
    current.close()


def stop() -> bool:
    """Stops the jobs that are running, if this is a sweep, and closes it.

    Returns: whether jobs had failed.
    """
    if current is None:
        return False
    from mtl_cli.sweep import external_launchers, job_processes

    failed = any(record.status in FAILED for record in job_records(current.folder))
    job_processes.stop_all()
    external_launchers.stop(current.folder)
    current.close()
    return failed


def fared() -> str:
    """Says how many jobs have come how far, if this is a sweep that has stopped."""
    if current is None:
        return ""
    found = [r for r in job_records(current.folder) if r.begun]
    words = ["done" if r.status == "skipped" else r.status for r in found]
    counts = {word: words.count(word) for word in ("done", *FAILED, "running")}
    if current.jobs is not None:
        counts["not started"] = current.jobs - len(found)
    told = [f"{count} {word}" for word, count in counts.items() if count]
    return f"jobs: {', '.join(told)}" if told else ""


def failures() -> Iterator[tuple[str, int]]:
    """Yields what to say of each job that did not end well, and its exit code."""
    for record in [] if current is None else job_records(current.folder):
        if record.status in FAILED:
            settings = " ".join(record.settings)
            yield f"job {record.number} ({settings}): {record.error}", record.code


class StartOfSweep(Callback):
    """Opens the session before Hydra makes the jobs."""

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        from mtl_cli.sweep import job_processes, optuna_search, plan, plugin_settings
        from mtl_cli.sweep.job import MULTI_WORKER

        global current
        try:
            if config.trainer.strategy == "multi_worker":
                raise ConfigError(MULTI_WORKER)
            optuna_search.check(config)
            common = plan.planned_by(config)
            current = Session(
                Path(config.hydra.sweep.dir), config.get("resume", "auto")
            )
            current.complete = optuna_search.prepare(config)
            plugin_settings.prepare(config)
            if common is not None:
                current.jobs = plan.number_of_jobs(config, common)
        except ConfigError as error:
            # Hydra would make a warning of an exception, and go on.
            sys.exit(fail("mtl-train", str(error), error.exit_code))
        own = str(config.hydra.launcher._target_).startswith(plugin_settings.HYDRAS_OWN)
        # Started again, it may have nothing to run; otherwise the server starts then.
        if own and not all_done(current.folder):
            job_processes.server()


def all_done(folder: Path) -> bool:
    """Whether a sweep's folder holds jobs, all of them done."""
    found = [path.parent for path in folder.glob("*/status.json")]
    try:
        return bool(found) and all(status_of(f).get("status") == "done" for f in found)
    except ConfigError:
        return False
