"""Turns a configuration that Hydra has composed into the request for a run."""

from pathlib import Path
from typing import Any

from hydra.conf import HydraConf
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from mtl_cli.config.overrides import as_typed
from mtl_cli.core.paths import conf_folder, shortest
from mtl_cli.core.plugins import used_folders
from mtl_cli.runs.execution import RunRequest


def request_of(composed: DictConfig) -> RunRequest:
    """Returns the run that a composed configuration and its section `hydra` ask for."""
    hydra_config = HydraConfig.get()
    # Not resolved: an interpolation in the user's settings may be wrong. The check of
    # the configuration resolves the interpolation later, and names its key.
    unresolved: Any = OmegaConf.to_container(hydra_config, resolve=False)
    settings = unresolved["overrides"]["task"]
    return RunRequest(
        composed,
        choices=dict(hydra_config.runtime.choices),
        settings=[*command_line_flags(hydra_config), *map(as_typed, settings)],
        folder=Path(hydra_config.runtime.output_dir),
        is_new_folder="${now:" in unresolved["run"]["dir"],
    )


def command_line_flags(hydra_config: HydraConf) -> list[str]:
    """Returns the flags that name the plugins and the primary configuration of a run.

    The flags of the primary configuration are left out if it is mtl-cli's own.
    """
    flags = [f"--plugins={shortest(Path(path))}" for path in used_folders()]
    for source in hydra_config.runtime.config_sources:
        if source.provider == "main" and Path(source.path) != conf_folder():
            flags.append(f"--config-path={shortest(Path(source.path))}")
            flags.append(f"--config-name={hydra_config.job.config_name}")
    return flags
