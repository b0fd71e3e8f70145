"""Starts the jobs of a sweep: every launcher of Hydra calls `start_jobs`."""

import os
from pathlib import Path
from statistics import fmean
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf, open_dict

from mtl_cli.config.sweep_options import SweepOptions, cores
from mtl_cli.core.errors import ConfigError, JobError
from mtl_cli.core.plugins import used_folders
from mtl_cli.core.secrets import mask_secrets, tracked_secrets
from mtl_cli.runs.job_records import JobRecord
from mtl_cli.sweep import job_processes, session
from mtl_cli.sweep.external_launchers import is_stopped, wait_unless_stopped
from mtl_cli.sweep.folder_names import job_name
from mtl_cli.sweep.job import Job, skip_if_done
from mtl_cli.sweep.plan import job_plan
from mtl_cli.sweep.plugin_settings import uses_own_launcher
from mtl_cli.sweep.repeats_and_twins import Variant, repeats_and_twins

# The jobs that this process has started, by run folder: their records, since thousands
# of whole configurations would fill memory. A search may try a point twice, and two
# jobs may have the same single-task twin.
started: dict[Path, JobRecord] = {}


class Objective:
    """The mean objective of jobs; `float` waits until the jobs have ended.

    Args:
        folders: the run folders of the started jobs.
    """

    def __init__(self, folders: list[Path]) -> None:
        self.folders = folders

    def __float__(self) -> float:
        job_processes.wait_for_jobs(self.folders)
        objectives = []
        for folder in self.folders:
            record = started[folder].read(folder.parent)
            if record.objective is None:
                reason = record.error or "the job has no monitored metric"
                raise JobError(f"job {record.number}: {reason}")
            objectives.append(record.objective)
        return fmean(objectives)


def start_jobs(composed: DictConfig) -> Objective:
    """Starts the jobs that one composed configuration asks for.

    Hydra's own launcher calls this function in one process for all configurations: the
    started jobs go on while the next jobs are started. Other launchers call the
    function in a process per configuration. The process waits for its jobs.

    Args:
        composed: the configuration; emptied when its values are taken.

    Returns: the objective for sweepers that search; single-task twins do not count.
    """
    hydra_config = HydraConfig.get()
    # A cluster's process may start in another folder than the sweep.
    os.chdir(hydra_config.runtime.cwd)
    values: Any = OmegaConf.to_container(composed, resolve=True)
    # Hydra keeps what it has composed until the last job has ended: 0.1 MB per job.
    with open_dict(composed):
        composed.clear()
    if is_stopped(Path(hydra_config.runtime.output_dir)):
        raise JobError("the sweep has been stopped")
    variants = [
        Variant(
            values,
            list(hydra_config.overrides.task),
            dict(hydra_config.runtime.choices),
        )
    ]
    options, repeats = SweepOptions(jobs="auto", timeout_minutes=None), 1
    try:
        plan = job_plan(values)
        options, repeats = plan.sweep, plan.repeats
        variants = repeats_and_twins(variants[0])
    except ConfigError:
        pass  # The wrong configuration is one job, and its process reports the error.
    if not started:  # Hydra has written the file before the first job
        session.mask_multirun(Path(hydra_config.runtime.output_dir))
    is_own = uses_own_launcher(hydra_config)
    jobs_at_once = options.jobs_at_once if is_own else 1
    minutes = options.timeout_minutes
    threads = 0 if jobs_at_once == 1 else max(1, cores() // jobs_at_once)
    jobs = new_jobs(variants, threads)
    for job in jobs:
        if job.folder not in started:
            started[job.folder] = job.new_record()
            if not skip_if_done(job):
                seconds = None if minutes is None else minutes * 60
                job_processes.start_job(job, jobs_at_once, seconds)
    if not is_own:
        wait_unless_stopped(Path(hydra_config.runtime.output_dir))
    return Objective([job.folder for job in jobs[:repeats]])


def new_jobs(variants: list[Variant], threads: int) -> list[Job]:
    """Returns one job per variant.

    Args:
        variants: the runs that one composed configuration asks for.
        threads: threads per TensorFlow operation; 0 lets TensorFlow choose.
    """
    hydra_config = HydraConfig.get()
    sweep, number = Path(hydra_config.runtime.output_dir), f"{hydra_config.job.num}"
    return [
        Job(
            number=f"{number}.{i}" if len(variants) > 1 else number,
            settings=variant.settings,
            values=variant.values,
            choices=variant.choices,
            sweep=sweep,
            name=job_name(mask_secrets(variant.settings)),
            threads=threads,
            secrets=tracked_secrets(),
            plugins=used_folders(),
        )
        for i, variant in enumerate(variants, 1)
    ]
