"""Starts the jobs of a sweep. Every launcher of Hydra calls `start_jobs`."""

import os
from pathlib import Path
from statistics import fmean
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf, open_dict

from mtl_cli.config.overrides import without_added_prefix
from mtl_cli.config.sweep_options import SweepOptions
from mtl_cli.core.errors import ConfigError, CutOffJobError, JobError
from mtl_cli.core.machine import num_cores
from mtl_cli.core.plugins import used_folders
from mtl_cli.core.secrets import mask_secrets, tracked_secrets
from mtl_cli.runs.job_records import JobRecord, is_stopped
from mtl_cli.sweep import job_processes, session
from mtl_cli.sweep.external_launchers import wait_for_equal_job, wait_unless_stopped
from mtl_cli.sweep.folder_names import job_name
from mtl_cli.sweep.job import Job, die_with_parent, skip_if_done
from mtl_cli.sweep.plan import keys_of_values
from mtl_cli.sweep.plugin_settings import uses_basic_launcher
from mtl_cli.sweep.repeats_and_twins import Variant, repeats_and_twins, with_seed

# The records of the jobs that this process has started, by run folder. A run folder
# gets one job, although a search may try the same parameters twice, and two jobs may
# have the same twin.
records_by_folder: dict[Path, JobRecord] = {}


class Objective:
    """The mean objective of some jobs. `float(objective)` waits until the jobs end.

    A worker process of a launcher sends its objective to the process of the sweep.
    """

    def __init__(self, records: list[JobRecord], sweep: Path) -> None:
        self.records = records
        self.sweep = sweep

    def __float__(self) -> float:
        job_processes.wait_for_jobs([self.sweep / r.name for r in self.records])
        objectives = []
        for started_record in self.records:
            record = started_record.read(self.sweep)
            if record.objective is None:
                reason = record.error or "the job has no monitored metric"
                error_class = CutOffJobError if record.was_cut_off else JobError
                raise error_class(f"job {record.number}: {reason}")
            objectives.append(record.objective)
        return fmean(objectives)


def start_jobs(composed: DictConfig) -> Objective:
    """Starts the jobs of one composed configuration, and returns its objective.

    Hydra's basic launcher calls this function for all configurations in one process;
    each call returns while its jobs are running. Other launchers call it in one process
    per configuration, and it waits for its jobs. The objective is of the repeats, not
    of the twins. The function empties `composed` to save memory.
    """
    hydra_config = HydraConfig.get()
    sweep = Path(hydra_config.runtime.output_dir)
    is_basic = uses_basic_launcher(hydra_config)
    if not is_basic and not records_by_folder:
        # A worker of joblib would outlive a killed sweep, and would start its jobs.
        die_with_parent()
    # On a cluster, this process may have another current folder than the sweep.
    os.chdir(hydra_config.runtime.cwd)
    if is_stopped(sweep):
        raise JobError("the sweep has been stopped")
    if not records_by_folder:  # Hydra has written multirun.yaml
        session.mask_multirun(sweep)

    settings = list(hydra_config.overrides.task)
    choices = dict(hydra_config.runtime.choices)
    variants, num_repeats, options = requested_runs(composed, settings, choices)
    # Hydra keeps the configurations of all jobs, 0.1 MB each, until the last job ends.
    with open_dict(composed):
        composed.clear()

    jobs_at_once = options.jobs_at_once if is_basic else 1
    threads = 0 if jobs_at_once == 1 else max(1, num_cores() // jobs_at_once)
    jobs = new_jobs(variants, threads)
    for job in jobs:
        if job.folder in records_by_folder:
            continue
        records_by_folder[job.folder] = job.record
        if not is_basic:
            wait_for_equal_job(job)
        if not skip_if_done(job):
            job_processes.start_process(job, jobs_at_once, options.timeout_seconds)
    if not is_basic:
        wait_unless_stopped(sweep)
    repeats = jobs[:num_repeats]
    return Objective([records_by_folder[job.folder] for job in repeats], sweep)


def requested_runs(
    composed: DictConfig, settings: list[str], choices: dict[str, str]
) -> tuple[list[Variant], int, SweepOptions]:
    """Returns the repeats and then the twins, the number of repeats, and the options.

    A wrong configuration becomes a single job, and the job reports the error.
    """
    values: Any = OmegaConf.to_container(composed, resolve=True)
    run = Variant(values, settings, choices)
    single_job = [run], 1, SweepOptions(jobs="auto", timeout_minutes=None)
    try:
        keys = keys_of_values(values)
    except (ConfigError, LookupError, TypeError, ValueError):
        return single_job
    repeats = [run]
    if keys.repeats > 1:
        seeds = range(keys.seed, keys.seed + keys.repeats)
        repeats = [with_seed(run, composed, seed) for seed in seeds]
    try:
        return repeats_and_twins(*repeats), keys.repeats, keys.sweep
    except (LookupError, TypeError, ValueError):
        return single_job


def new_jobs(variants: list[Variant], threads: int) -> list[Job]:
    """Returns one job per variant, with `threads` threads per TensorFlow operation."""
    hydra_config = HydraConfig.get()
    number = str(hydra_config.job.num)
    sweep = Path(hydra_config.runtime.output_dir)
    fixed_keys = hydra_config.job.config.override_dirname.exclude_keys
    secrets = tracked_secrets()
    plugins = used_folders()
    jobs = []
    for i, (values, settings, choices) in enumerate(variants, 1):
        record = JobRecord(
            number=f"{number}.{i}" if len(variants) > 1 else number,
            name=job_name(mask_secrets(settings), fixed_keys, sweep),
            settings=[without_added_prefix(setting) for setting in settings],
        )
        jobs.append(Job(record, values, choices, sweep, threads, secrets, plugins))
    return jobs
