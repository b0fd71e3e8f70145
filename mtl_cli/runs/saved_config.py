"""The configuration that a run leaves, ready to be run again."""

from typing import Any

from omegaconf import DictConfig, OmegaConf

from mtl_cli.core.paths import conf_folder
from mtl_cli.core.secrets import masked

RUN_FOLDER = "outputs/runs/{name}-${{now:%Y%m%d-%H%M%S-%f}}"


def saved_config(composed: DictConfig, choices: dict[str, Any]) -> str:
    """Returns the resolved configuration as YAML, without the values of secrets.

    `mtl-train --config-path RUN --config-name config` runs it again, in a new folder.

    Args:
        composed: what Hydra made of the YAML files and the command line.
        choices: the chosen option of each config group.
    """
    name = f"{composed.dataset.name}-{choices.get('model', composed.model.name)}"
    resolved: Any = masked(OmegaConf.to_container(composed, resolve=True))
    ours: Any = OmegaConf.to_container(OmegaConf.load(conf_folder() / "config.yaml"))
    hydra = ours["hydra"] | {"run": {"dir": RUN_FOLDER.format(name=name)}}
    del hydra["help"]
    groups = [
        {f"override hydra/{group}": "none"}
        for group in ("job_logging", "hydra_logging")
    ]
    return OmegaConf.to_yaml(
        OmegaConf.create({"defaults": [*groups, "_self_"], **resolved, "hydra": hydra})
    )
