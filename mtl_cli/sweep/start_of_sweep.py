"""The callback that Hydra calls before it starts the jobs of a sweep."""

import sys
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from mtl_cli.core.errors import ConfigError, MtlError, fail
from mtl_cli.runs.outcome import failure_message
from mtl_cli.sweep import session


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
    """Checks a sweep and opens its session.

    Raises:
        ConfigError: if the sweep is wrong, or its folder cannot be used.
    """
    from mtl_cli.sweep import optuna_search, plan
    from mtl_cli.sweep.check_search import check_search
    from mtl_cli.sweep.job import MULTI_WORKER_MESSAGE
    from mtl_cli.sweep.plugin_settings import (
        adapt_plugins,
        prefix_new_keys,
        remove_replaced_params,
        uses_basic_launcher,
    )
    from mtl_cli.sweep.search_measure import measure_of_search

    if config.trainer.strategy == "multi_worker":
        raise ConfigError(MULTI_WORKER_MESSAGE)
    prefix_new_keys(config)
    is_search = optuna_search.is_search(config)
    if is_search:
        remove_replaced_params(config)
        check_search(config)
    measure = measure_of_search(config) if is_search else {}
    sweep_keys = plan.keys_of_config(config)
    num_jobs = plan.number_of_jobs(config, sweep_keys)
    session.current = session.open_session(
        Path(config.hydra.sweep.dir),
        resume=config.get("resume", "auto"),
        num_jobs=num_jobs,
        fixed_keys=plan.fixed_keys(config, sweep_keys),
    )
    session.current.search_is_complete = optuna_search.resume_search(config, measure)
    adapt_plugins(config)
    session.current.starts_all_jobs_itself = uses_basic_launcher(
        config.hydra
    ) and plan.uses_basic_sweeper(config)
