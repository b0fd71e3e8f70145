"""What Hydra calls for each job of a sweep, by whichever launcher."""

import os
from pathlib import Path
from statistics import fmean
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from mtl_cli.config.sweep_options import SweepOptions, cores
from mtl_cli.core.errors import ConfigError, JobError
from mtl_cli.core.plugins import used_folders
from mtl_cli.core.secrets import noted
from mtl_cli.runs.job_records import JobRecord
from mtl_cli.sweep import job_processes
from mtl_cli.sweep.external_launchers import stopped
from mtl_cli.sweep.folder_names import job_name
from mtl_cli.sweep.job import Job, done_before
from mtl_cli.sweep.plan import planned
from mtl_cli.sweep.plugin_settings import HYDRAS_OWN
from mtl_cli.sweep.repeats_and_twins import expand

# By folder, what this process has started: a search may come back to a point, and jobs
# may have the same twin.
started: dict[Path, Job] = {}


class Outcome:
    """The objective of jobs that were started; `float` waits for them.

    Args:
        jobs: whose mean it is.
    """

    def __init__(self, jobs: list[Job]) -> None:
        self.jobs = jobs
        self.records: list[JobRecord] = []

    def wait(self) -> None:
        """Waits until the jobs have ended."""
        self.records = self.records or job_processes.wait_for(self.jobs)

    def __float__(self) -> float:
        self.wait()
        for record in self.records:
            if record.objective is None:
                why = record.error or "has no monitored metric"
                raise JobError(f"job {record.number}: {why}")
        return fmean(r.objective for r in self.records if r.objective is not None)


def start_jobs(composed: DictConfig) -> Outcome:
    """Starts the jobs that one composed configuration means.

    Under Hydra's own launcher, which calls one job after another, they go on while the
    next are started. Under others this process is one of many: it waits for them.

    Returns: the objective, for sweepers that search; without single-task twins.
    """
    hydra = HydraConfig.get()
    os.chdir(hydra.runtime.cwd)  # of the sweep; of a cluster's process it is another
    values: Any = OmegaConf.to_container(composed, resolve=True)
    if stopped(Path(hydra.runtime.output_dir)):
        raise JobError("the sweep has been stopped")
    try:
        plan = planned(values)
    except ConfigError:  # the job, as which it counts, will tell why
        plan = None
    options = plan.sweep if plan else SweepOptions(jobs="auto", timeout_minutes=None)
    here = str(hydra.launcher._target_).startswith(HYDRAS_OWN)
    most = options.jobs_at_once if here else 1
    minutes = options.timeout_minutes
    threads = 0 if most == 1 else max(1, cores() // most)
    jobs = jobs_of(values, threads, wrong=plan is None)
    for job in jobs:
        if job.folder not in started:
            started[job.folder] = job
            if not done_before(job):
                job_processes.start(
                    job, most, None if minutes is None else minutes * 60
                )
    wanted = jobs if plan is None else jobs[: plan.repeats]
    outcome = Outcome([started[job.folder] for job in wanted])
    if not here:
        job_processes.wait_for_all()
        outcome.wait()
    return outcome


def jobs_of(values: dict[str, Any], threads: int, wrong: bool) -> list[Job]:
    """Returns the jobs that a composed configuration means, twins last.

    Args:
        values: the configuration, resolved.
        threads: of an operation in each of them.
        wrong: whether it does not say which it means; then it is one.
    """
    hydra = HydraConfig.get()
    settings, choices = list(hydra.overrides.task), dict(hydra.runtime.choices)
    sweep, jobs = Path(hydra.runtime.output_dir), []
    one = (values, settings, choices)
    variants = [one] if wrong else expand(*one)
    for i, (each, own, chosen) in enumerate(variants, 1):
        number = f"{hydra.job.num}.{i}" if len(variants) > 1 else f"{hydra.job.num}"
        jobs.append(
            Job(
                number,
                own,
                each,
                chosen,
                sweep,
                job_name(own),
                threads,
                noted(),
                used_folders(),
            )
        )
    return jobs
