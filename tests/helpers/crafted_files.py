"""Files that an attacker could have made: configurations and folders of runs."""

import copy
import functools
from pathlib import Path
from typing import Any

import yaml
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from mtl_cli.core.paths import conf_folder

# An attack that works makes a folder or a file of this name.
CANARY = "canary"
CALL = {"_target_": "os.mkdir", "path": CANARY}
TASKS = {"buy": {"label": "buy", "kind": "binary"}}
RERUN = ["--config-path", "{folder}/run", "--config-name", "config"]


@functools.cache
def composed() -> dict[str, Any]:
    """The configuration that `mtl-train check_only=true` starts from."""
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        config = compose("config", ["check_only=true"])
    return yaml.safe_load(OmegaConf.to_yaml(config, resolve=True))


def saved_run(**changes: Any) -> dict[str, str]:
    """Files of a run folder whose saved configuration has some parts changed."""
    logging = [
        {f"override hydra/{g}": "none"} for g in ("job_logging", "hydra_logging")
    ]
    values = {"defaults": [*logging, "_self_"], **copy.deepcopy(composed())}
    values["hydra"] = {"output_subdir": None, "run": {"dir": "outputs/x"}}
    for key, change in changes.items():
        old = values.get(key, {})
        values[key] = old | change if isinstance(change, dict) else change
    return {"run/config.yaml": yaml.safe_dump(values, sort_keys=False)}


def dataset(text: str) -> dict[str, str]:
    """Files of a data set `mine` in the user's own `./conf`."""
    return {"conf/dataset/mine.yaml": text}


def write(folder: Path, files: dict[str, str | bytes]) -> None:
    """Writes files, by their paths below a folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
