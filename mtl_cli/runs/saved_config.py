"""The configuration that a run saves, ready to be run again."""

from typing import Any

from omegaconf import DictConfig, OmegaConf

from mtl_cli.core.paths import conf_folder
from mtl_cli.core.secrets import mask_secrets

RUN_FOLDER = "outputs/runs/{name}-${{now:%Y%m%d-%H%M%S-%f}}"


def saved_config(composed: DictConfig, choices: dict[str, Any]) -> str:
    """Returns the resolved configuration as YAML, with references in place of secrets.

    `mtl-train --config-path RUN --config-name config` runs it again, in a new folder.

    Args:
        composed: the configuration that Hydra has composed.
        choices: the chosen option of each config group.
    """
    name = f"{composed.dataset.name}-{choices.get('model', composed.model.name)}"
    resolved: Any = mask_secrets(OmegaConf.to_container(composed, resolve=True))
    default: Any = OmegaConf.to_container(OmegaConf.load(conf_folder() / "config.yaml"))
    hydra = default["hydra"] | {"run": {"dir": RUN_FOLDER.format(name=name)}}
    del hydra["help"]
    groups = [
        {f"override hydra/{group}": "none"}
        for group in ("job_logging", "hydra_logging")
    ]
    return OmegaConf.to_yaml(
        OmegaConf.create({"defaults": [*groups, "_self_"], **resolved, "hydra": hydra})
    )
