"""Checks the configurations of a sweep's jobs before the jobs start."""

from collections.abc import Callable, Sequence
from typing import Any

from hydra.plugins.sweeper import Sweeper
from omegaconf import DictConfig

from mtl_cli.config.interpolations import UnresolvedError
from mtl_cli.config.sweep_jobs import check_job, compose_job
from mtl_cli.core.errors import ConfigError
from mtl_cli.core.secrets import mask_secrets
from mtl_cli.sweep import session

Settings = Sequence[str]
MAX_WARNINGS = 5  # of different errors


def check_jobs(
    original: Callable[..., None], sweeper: Sweeper, batch: Sequence[Settings]
) -> None:
    """Composes and checks the jobs of a sweep, and warns of jobs that will fail.

    The other jobs are trained: in a grid, some combinations of values may be wrong on
    purpose. The data are not read yet, so a job may also fail without a warning. With
    `hydra.sweeper.max_batch_size`, Hydra calls this function for each batch of jobs.

    Args:
        original: the method of Hydra's sweeper that composes the jobs without checking
            them; it is not called.
        sweeper: Hydra's sweeper.
        batch: the settings of each job that Hydra is about to start.

    Raises:
        Exception: Hydra's error, or `ConfigError`, if a job cannot be composed.
    """
    from mtl_cli.sweep.job_table import shown_settings

    config: Any = sweeper.config
    running_sweep: Any = session.current
    jobs_by_error: dict[str, list[Settings]] = {}
    for number, settings in enumerate(batch, start=running_sweep.num_checked_jobs):
        if error := error_of(compose_job(config, settings, number)):
            jobs_by_error.setdefault(error, []).append(settings)
    running_sweep.num_checked_jobs += len(batch)
    table = running_sweep.table
    for error, jobs in list(jobs_by_error.items())[:MAX_WARNINGS]:
        count = f"{len(jobs):,} of {len(batch):,}"
        example = shown_settings(jobs[0], table.fixed_keys)
        line = f"{count} jobs will fail, for example {example}: {error}"
        table.print_line(f"warning: {mask_secrets(line)}")


def error_of(composed: DictConfig) -> str:
    """Returns what is wrong with the configuration of a job; "" if nothing is known.

    The function removes the section `hydra` of the configuration.
    """
    try:
        check_job(composed)
    except UnresolvedError:  # there may be a value when the job starts
        return ""
    except ConfigError as error:
        return str(error)
    except Exception:  # for instance of a plugin: the job itself reports the error
        return ""
    return ""
