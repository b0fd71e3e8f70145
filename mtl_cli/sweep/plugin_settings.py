"""What Hydra's plugins are told, so that a sweep under them is as under its own."""

from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf, open_dict

from mtl_cli.config.overrides import quoted

HYDRAS_OWN = "hydra._internal.core_plugins.basic_launcher"
LIST_SWEEPER = "hydra_plugins.list_sweeper_plugin"
RAY = "hydra_plugins.hydra_ray_launcher"


def prepare(config: DictConfig) -> None:
    """Prepares the configuration of a sweep for the plugins that it names.

    Args:
        config: of the sweep, as Hydra composed it; is changed.
    """
    sweeper, launcher = config.hydra.sweeper, config.hydra.launcher
    with open_dict(config):
        if str(sweeper._target_).startswith(LIST_SWEEPER):
            for key in ("list_params", "grid_params"):
                sweeper[key] = with_nulls(OmegaConf.to_container(sweeper[key]))
        if str(launcher._target_).startswith(HYDRAS_OWN):
            return
        # Processes of a cluster may start in another folder. Each job's configuration
        # is composed anew, from these settings.
        folder = Path(config.hydra.sweep.dir).absolute()
        config.hydra.overrides.hydra.append(f"hydra.sweep.dir={quoted(folder)}")
        if str(launcher._target_).startswith(RAY):
            launcher.ray.init = for_ray(launcher.ray.init)


def with_nulls(params: Any) -> dict[str, Any]:
    """Returns values to go over with nulls as text, which would become None.

    >>> with_nulls({"trainer.patience": [None, 3], "seed": "1,2"})
    {'trainer.patience': ['null', 3], 'seed': '1,2'}
    """
    return {
        key: ["null" if x is None else x for x in xs] if isinstance(xs, list) else xs
        for key, xs in params.items()
    }


def for_ray(init: Any) -> dict[str, Any]:
    """Returns Ray's settings: silent, and such as a running cluster takes.

    Without an address too Ray joins a cluster that this machine belongs to, which
    refuses the memory that the plugin would ask for.
    """
    silent = {"logging_level": "error", "log_to_driver": False}
    return {**silent, "object_store_memory": None, **init}
