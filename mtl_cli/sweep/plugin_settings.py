"""Settings of Hydra's launcher and sweeper plugins, so that sweeps work alike."""

import logging
import re
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf, open_dict

from mtl_cli.config.overrides import quoted
from mtl_cli.sweep import submitit_folder

OWN_LAUNCHER = "hydra._internal.core_plugins.basic_launcher"
LIST_SWEEPER = "hydra_plugins.list_sweeper_plugin"
SUBMITIT = "hydra_plugins.hydra_submitit_launcher"
RAY = "hydra_plugins.hydra_ray_launcher"


def uses_own_launcher(hydra_config: Any) -> bool:
    """Whether Hydra's own launcher calls the jobs, all in the sweep's process."""
    return str(hydra_config.launcher._target_).startswith(OWN_LAUNCHER)


def adapt_plugins(config: DictConfig) -> None:
    """Changes a sweep's composed configuration for the plugins that it names."""
    sweeper, launcher = config.hydra.sweeper, config.hydra.launcher
    with open_dict(config):
        if str(sweeper._target_).startswith(LIST_SWEEPER):
            for key in ("list_params", "grid_params"):
                sweeper[key] = with_quoted_nulls(OmegaConf.to_container(sweeper[key]))
        # Each job's configuration is composed anew, from `config.hydra.overrides`. All
        # jobs belong to one folder: a `${seed}` in its name keeps the value of the
        # command, and a relative path does not depend on the folder in which a cluster
        # starts the job.
        folder = Path(config.hydra.sweep.dir).absolute()
        pinned = [f"hydra.sweep.dir={quoted(str(folder))}", "hydra.sweep.subdir=."]
        config.hydra.overrides.hydra.extend(pinned)
        if uses_own_launcher(config.hydra):
            return
        if str(launcher._target_).startswith(SUBMITIT):
            warn_once()
            if launcher.submitit_folder == f"{config.hydra.sweep.dir}/.submitit/%j":
                launcher.submitit_folder = f"{submitit_folder.make(folder)}/%j"
        if str(launcher._target_).startswith(RAY):
            # Ray joins a cluster of this machine, if there is one. A running cluster
            # refuses the object store memory that the plugin asks for by default.
            quiet = {"logging_level": "error", "log_to_driver": False}
            launcher.ray.init = {
                **quiet,
                "object_store_memory": None,
                **launcher.ray.init,
            }


def warn_once() -> None:
    """Lets submitit show each warning once; it writes all of them to two streams."""
    import submitit  # noqa: F401  # sets its loggers up

    shown: set[str] = set()

    def is_new(record: logging.LogRecord) -> bool:
        text = re.sub(r"\d+", "", record.getMessage())  # without the number of the call
        is_shown = text in shown
        shown.add(text)
        return not is_shown

    logger = logging.getLogger("submitit")
    for handler in list(logger.handlers):
        if handler.name == "submitit_out":
            logger.removeHandler(handler)
    logger.addFilter(is_new)


def with_quoted_nulls(params: Any) -> dict[str, Any]:
    """Returns lists of values with null as text; the plugin would write `None`.

    >>> with_quoted_nulls({"trainer.patience": [None, 3], "seed": "1,2"})
    {'trainer.patience': ['null', 3], 'seed': '1,2'}
    """
    return {
        key: ["null" if x is None else x for x in xs] if isinstance(xs, list) else xs
        for key, xs in params.items()
    }
