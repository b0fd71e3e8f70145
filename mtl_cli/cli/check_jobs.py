"""Checks the configurations of a sweep's jobs before the jobs start."""

from collections.abc import Callable, Sequence
from typing import Any

from hydra.plugins.sweeper import Sweeper

from mtl_cli.config.interpolations import UnresolvedError
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
    from mtl_cli.config.check import check_job, compose_job
    from mtl_cli.sweep.job_table import shown_settings

    config: Any = sweeper.config
    running_sweep: Any = session.current
    jobs_by_error: dict[str, list[Settings]] = {}
    for number, settings in enumerate(batch, start=running_sweep.num_checked_jobs):
        composed = compose_job(config, settings, number)
        try:
            check_job(composed)
        except UnresolvedError:  # there may be a value when the job starts
            pass
        except ConfigError as error:
            jobs_by_error.setdefault(str(error), []).append(settings)
        except Exception:  # for instance of a plugin: the job itself reports the error
            pass
    running_sweep.num_checked_jobs += len(batch)
    table = running_sweep.table
    for reason, jobs in list(jobs_by_error.items())[:MAX_WARNINGS]:
        count = f"{len(jobs):,} of {len(batch):,}"
        example = shown_settings(jobs[0], table.fixed_keys)
        line = f"{count} jobs will fail, for example {example}: {reason}"
        table.print_line(f"warning: {mask_secrets(line)}")
