"""Checks the configurations of a sweep's jobs before the first job starts."""

import shlex
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from hydra.plugins.sweeper import Sweeper
from omegaconf import DictConfig, open_dict, read_write

from mtl_cli.cli.interpolations import hydra_interpolations
from mtl_cli.core.errors import ConfigError
from mtl_cli.core.secrets import mask_secrets
from mtl_cli.sweep import session

Settings = Sequence[str]


def check_jobs(
    _: Callable[..., None], sweeper: Sweeper, batch: Sequence[Settings]
) -> None:
    """Composes and checks the jobs of a sweep, and warns of jobs that will fail.

    The other jobs are trained: in a grid, some combinations of values may be wrong on
    purpose. The data are not read yet, so a job may also fail without a warning.

    Args:
        sweeper: Hydra's sweeper. Its own method, which this function replaces, composes
            the jobs without checking them.
        batch: the settings of each job.

    Raises:
        Exception: Hydra's error, or `ConfigError`, if a job cannot be composed.
    """
    context: Any = sweeper.hydra_context
    running_sweep: Any = session.current
    jobs_by_error: dict[str, list[Settings]] = {}
    for number, settings in enumerate(batch):
        composed = context.config_loader.load_sweep_config(
            master_config=sweeper.config, sweep_overrides=list(settings)
        )
        with read_write(composed), open_dict(composed):
            composed.hydra.job.num = composed.hydra.job.id = number
            composed.hydra.runtime.output_dir = str(running_sweep.folder.absolute())
        if error := error_of(composed):
            jobs_by_error.setdefault(error, []).append(settings)
    for error, jobs in jobs_by_error.items():
        example = shlex.join(distinctive_settings(jobs[0], batch))
        line = f"{len(jobs):,} of {len(batch):,} jobs will fail, as {example}: {error}"
        running_sweep.table.print_line(f"warning: {mask_secrets(line)}")


def error_of(composed: DictConfig) -> str:
    """Returns what is wrong with the configuration of a job; "" if nothing is known.

    The function removes the section `hydra` of the configuration.
    """
    from mtl_cli.config.check import check_values, resolved_values

    with hydra_interpolations(composed), read_write(composed), open_dict(composed):
        del composed["hydra"]
        try:
            values = resolved_values(composed)
        except ConfigError:
            return ""  # an interpolation may have a value only when the job starts
    try:
        check_values(values)
    except ConfigError as error:
        return str(error)
    return ""


def distinctive_settings(job: Settings, jobs: Iterable[Settings]) -> list[str]:
    """Returns the settings of a job that not all jobs share; all if there is none."""
    common = set.intersection(*map(set, jobs))
    return [setting for setting in job if setting not in common] or list(job)
