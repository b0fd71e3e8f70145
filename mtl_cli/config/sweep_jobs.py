"""Composes and checks the configuration of a sweep's job before the job starts."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig, open_dict, read_write

from mtl_cli.config.interpolations import hydra_interpolations

if TYPE_CHECKING:
    from mtl_cli.config.run_config import Config


def compose_job(sweep: DictConfig, settings: Sequence[str], number: int) -> DictConfig:
    """Composes the configuration of a job; `number` is `${hydra:job.num}`."""
    loader = GlobalHydra.instance().config_loader()
    composed = loader.load_sweep_config(sweep, list(settings))
    with read_write(composed), open_dict(composed):
        composed.hydra.job.num = composed.hydra.job.id = number
        composed.hydra.runtime.output_dir = os.path.abspath(sweep.hydra.sweep.dir)
    return composed


def check_job(composed: DictConfig) -> "Config":
    """Checks a configuration of `compose_job`, and removes its section `hydra`.

    After an `UnresolvedError`, the interpolation may have a value when the job starts.
    """
    from mtl_cli.config.check import check

    with hydra_interpolations(composed), read_write(composed), open_dict(composed):
        del composed["hydra"]
        return check(composed)
