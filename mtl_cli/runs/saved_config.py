"""Makes and reads the `config.yaml` of a run folder. The file can be run again."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from mtl_cli.core.errors import first_line
from mtl_cli.core.nested import escaped, unescaped
from mtl_cli.core.other_files import read_text
from mtl_cli.core.paths import conf_folder
from mtl_cli.core.private_apis import omegaconf_yaml
from mtl_cli.core.secrets import mask_secrets, tracked_secrets
from mtl_cli.core.yaml_limits import MAX_YAML_BYTES, check_yaml

if TYPE_CHECKING:  # `mtl-compare` loads this module, and needs OmegaConf in few cases
    from omegaconf import DictConfig

# The folder in which Hydra runs a saved configuration again. Hydra replaces
# `${now:...}` by the current time.
RUN_FOLDER = "outputs/runs/{name}-${{now:%Y%m%d-%H%M%S-%f}}"


def saved_config(composed: "DictConfig", choices: dict[str, Any]) -> str:
    """Converts a composed configuration to YAML without secrets.

    Each secret is replaced by a reference to its environment variable. The command
    `mtl-train --config-path RUN --config-name config` runs the saved configuration
    again, in a new folder.
    """
    from omegaconf import OmegaConf

    values: Any = OmegaConf.to_container(composed, resolve=True)
    # `escaped` puts a backslash before each `${`, so that Hydra takes `${` as text.
    # `escaped` would also change a secret that contains `${`, and `mask_secrets` would
    # not find the changed secret. So nothing is escaped if there is such a secret.
    if not any("${" in secret for secret in tracked_secrets()):
        values = escaped(values)
    # Hydra does not write logs of its own: `Console` does.
    groups = ("hydra/job_logging", "hydra/hydra_logging")
    defaults = [*({f"override {group}": "none"} for group in groups), "_self_"]
    name = f"{composed.dataset.name}-{choices.get('model', composed.model.name)}"
    # The other keys of `hydra` come from the default configuration. The help is left
    # out: it lists config groups, but a saved configuration has none.
    default: Any = OmegaConf.to_container(OmegaConf.load(conf_folder() / "config.yaml"))
    run_folder = RUN_FOLDER.format(name=mask_secrets(name))
    hydra = default["hydra"] | {"run": {"dir": run_folder}}
    del hydra["help"]
    saved = {"defaults": defaults, **mask_secrets(values), "hydra": hydra}
    return omegaconf_yaml(saved)


def read_config(run: Path) -> dict[str, Any]:
    """Reads the `config.yaml` of a run folder, without Hydra's own keys.

    Raises an `OSError` if the file cannot be read, a `ValueError` if it is damaged.
    """
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    try:
        path = run / "config.yaml"
        text = read_text(path, MAX_YAML_BYTES)
        check_yaml(text, str(path))
        values: Any = OmegaConf.to_container(OmegaConf.create(text))
    except (yaml.YAMLError, OmegaConfBaseException) as error:
        raise ValueError(first_line(error)) from None
    except AssertionError:  # the text is a single number or date
        values = None
    if not isinstance(values, dict):
        raise ValueError("config.yaml holds no keys")
    values = {str(k): v for k, v in values.items() if k not in ("defaults", "hydra")}
    return unescaped(values)  # type: ignore[no-any-return]
