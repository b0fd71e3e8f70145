"""What a configuration may not have Hydra do before our own check sees it.

Hydra builds the classes that its sections name, and makes the folder of the run. A
configuration may come from someone else (`--config-path RUN`), so it names no code but
Hydra's own and its plugins', and its folders lie below the one that `mtl-train` starts
in. What the user writes on the command line is the user's word.
"""

import re
import shlex
from functools import wraps
from pathlib import PurePath
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from omegaconf import DictConfig, OmegaConf, flag_override

from mtl_cli.core.errors import ConfigError, shown

# Those of `hydra/job_logging=none`: our console does the logging.
LOGGING_KEYS = {"version", "root", "disable_existing_loggers"}
# What the hydra section may build: Hydra's own and its plugins' classes.
CODE = ("hydra._internal.core_plugins.", "hydra_plugins.", "optuna.samplers.")
START_OF_SWEEP = "mtl_cli.sweep.session.StartOfSweep"
STORAGE = (None, "sqlite:///${hydra.sweep.dir}/optuna.db")
# What may stand in the name of a folder, none of which a configuration writes freely.
IN_FOLDERS = re.compile(
    r"\$\{(dataset\.name|now:[^{}]*"
    r"|hydra[:.](runtime\.choices\.\w+|job\.num|job\.name|job\.override_dirname))\}"
)

COMPOSED_OF = "composed of: "


def guard() -> None:
    """Has Hydra refuse such a configuration as soon as it has composed it.

    To all others the one callback is added that there is: ours, for sweeps.
    """
    compose: Any = ConfigLoaderImpl._load_configuration_impl
    if hasattr(compose, "__wrapped__"):
        return

    @wraps(compose)
    def refusing(*args: Any, **kwargs: Any) -> DictConfig:
        try:
            composed: DictConfig = compose(*args, **kwargs)
        except Exception as error:
            # In a sweep these are of one job, not those of the command line.
            error.add_note(f"{COMPOSED_OF}{shlex.join(kwargs['overrides'])}")
            raise
        refuse(composed)
        with flag_override(composed, ["struct", "readonly"], False):
            composed.hydra.callbacks = {"ours": {"_target_": START_OF_SWEEP}}
        return composed

    ConfigLoaderImpl._load_configuration_impl = refusing  # type: ignore[method-assign]


def refuse(composed: DictConfig) -> None:
    """Raises an error if a configuration asks Hydra for more than its values.

    Args:
        composed: with Hydra's own part.
    """
    values: Any = OmegaConf.to_container(composed)
    hydra = values["hydra"]
    named = {"callbacks": hydra["callbacks"], "job.env_set": hydra["job"]["env_set"]}
    for key in ("launcher", "sweeper"):
        named[key] = [c for c in code_in(hydra[key]) if not str(c).startswith(CODE)]
    named["sweeper.custom_search_space"] = hydra["sweeper"].get("custom_search_space")
    for key in ("job_logging", "hydra_logging"):
        logging = hydra[key] or {}
        named[key] = set(logging) - LOGGING_KEYS or logging.get("root")
    for key, found in named.items():
        if found:
            raise ConfigError(
                f"hydra.{key}: a configuration may not name code, loggers or "
                "variables for Hydra to set up; remove it"
            )
    given = "".join(hydra["overrides"]["hydra"])
    storage = hydra["sweeper"].get("storage")
    if storage not in STORAGE and "hydra.sweeper.storage" not in given:
        raise ConfigError(
            f"hydra.sweeper.storage: {shown(storage)} is not in the sweep's folder; "
            "give it on the command line"
        )
    folders = {
        "hydra.run.dir": hydra["run"]["dir"],
        "hydra.sweep.dir": hydra["sweep"]["dir"],
        "hydra.sweep.subdir": hydra["sweep"]["subdir"],
    }
    names = {
        "dataset.name": OmegaConf.select(composed, "dataset.name"),
        **{str(k): v for k, v in hydra["runtime"]["choices"].items()},
    }
    for key, path in (folders | names).items():
        if isinstance(path, str) and key not in given and leads_out(key, path):
            raise ConfigError(
                f"{key}: {shown(path)} leads out of the folder that mtl-train starts "
                "in; take a plain name"
                + (", or give it on the command line" if key in folders else "")
            )


def code_in(values: Any) -> list[Any]:
    """Returns all that nested values have Hydra build."""
    if isinstance(values, list):
        return [found for value in values for found in code_in(value)]
    if not isinstance(values, dict):
        return []
    mine = [values["_target_"]] if "_target_" in values else []
    return mine + [found for value in values.values() for found in code_in(value)]


def leads_out(key: str, path: str) -> bool:
    """Whether a path of the configuration may end outside the current folder."""
    rest = IN_FOLDERS.sub("x", path) if key.startswith("hydra.") else path
    parts = PurePath(rest).parts
    foreign = "${" in rest and key.startswith("hydra.")
    return foreign or rest.startswith(("/", "~")) or ".." in parts
