"""Refuses configurations that would make Hydra run code or write anywhere.

Hydra builds the classes that a configuration names, and makes the folder of the run,
before our own check of the keys. The configuration may come from someone else
(`--config-path RUN`). So it may name only classes of Hydra and its plugins, and only
folders below the current folder. Settings on the command line come from the user and
are trusted.
"""

import re
import shlex
from collections.abc import Callable
from pathlib import PurePath
from typing import Any

from omegaconf import DictConfig, OmegaConf, flag_override

from mtl_cli.cli.hydra_internals import wrap_composition
from mtl_cli.core.errors import ConfigError, shown

# The keys of `hydra/job_logging=none`: our console does the logging.
LOGGING_KEYS = {"version", "root", "disable_existing_loggers"}
# The hydra section may build classes of these packages only.
TRUSTED_PACKAGES = (
    "hydra._internal.core_plugins.",
    "hydra_plugins.",
    "optuna.samplers.",
)
START_OF_SWEEP = "mtl_cli.sweep.session.StartOfSweep"
SAFE_STORAGES = (None, "sqlite:///${hydra.sweep.dir}/optuna.db")
# Interpolations in the name of a folder whose values a configuration cannot choose
# freely.
SAFE_INTERPOLATIONS = re.compile(
    r"\$\{(dataset\.name|now:[^{}]*"
    r"|hydra[:.](runtime\.choices\.\w+|job\.num|job\.name|job\.override_dirname))\}"
)

COMPOSED_SETTINGS = "composed of: "


def refuse_foreign_code() -> None:
    """Makes Hydra refuse a configuration that asks for more than its values.

    The accepted configurations get our callback for sweeps; no other is possible.
    """
    wrap_composition(compose_checked)


def compose_checked(
    compose: Callable[[], DictConfig], settings: list[str]
) -> DictConfig:
    """Composes a configuration, checks it, and adds our callback for sweeps."""
    try:
        composed = compose()
    except Exception as error:
        # A sweep's job has other settings than the command line.
        error.add_note(f"{COMPOSED_SETTINGS}{shlex.join(settings)}")
        raise
    check_hydra_section(composed)
    with flag_override(composed, ["struct", "readonly"], False):
        composed.hydra.callbacks = {"ours": {"_target_": START_OF_SWEEP}}
    return composed


def check_hydra_section(composed: DictConfig) -> None:
    """Raises an error if a configuration asks Hydra for more than its values.

    Args:
        composed: the configuration, with Hydra's own section.
    """
    values: Any = OmegaConf.to_container(composed)
    check_code(values["hydra"])
    check_folders(values["hydra"], OmegaConf.select(composed, "dataset.name"))


def check_code(hydra: dict[str, Any]) -> None:
    """Raises an error if Hydra's section names code, loggers or variables."""
    forbidden = {
        "callbacks": hydra["callbacks"],
        "job.env_set": hydra["job"]["env_set"],
    }
    for key in ("launcher", "sweeper"):
        forbidden[key] = [
            c for c in targets_in(hydra[key]) if not str(c).startswith(TRUSTED_PACKAGES)
        ]
    forbidden["sweeper.custom_search_space"] = hydra["sweeper"].get(
        "custom_search_space"
    )
    for key in ("job_logging", "hydra_logging"):
        logging = hydra[key] or {}
        forbidden[key] = set(logging) - LOGGING_KEYS or logging.get("root")
    for key, value in forbidden.items():
        if value:
            raise ConfigError(
                f"hydra.{key}: a configuration may not name code, loggers or "
                "variables for Hydra to set up; remove it"
            )


def check_folders(hydra: dict[str, Any], dataset_name: Any) -> None:
    """Raises an error if a folder or a name leads out of the current folder."""
    typed = "".join(hydra["overrides"]["hydra"])
    storage = hydra["sweeper"].get("storage")
    if storage not in SAFE_STORAGES and "hydra.sweeper.storage" not in typed:
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
        "dataset.name": dataset_name,
        **{str(k): v for k, v in hydra["runtime"]["choices"].items()},
    }
    for key, path in (folders | names).items():
        if isinstance(path, str) and key not in typed and leads_out(key, path):
            raise ConfigError(
                f"{key}: {shown(path)} leads out of the folder that mtl-train starts "
                "in; take a plain name"
                + (", or give it on the command line" if key in folders else "")
            )


def targets_in(values: Any) -> list[Any]:
    """Returns the `_target_` of each class that nested values make Hydra build."""
    if isinstance(values, list):
        return [target for value in values for target in targets_in(value)]
    if not isinstance(values, dict):
        return []
    targets = [values["_target_"]] if "_target_" in values else []
    return targets + [t for value in values.values() for t in targets_in(value)]


def leads_out(key: str, path: str) -> bool:
    """Whether a path of the configuration may end outside the current folder."""
    is_folder = key.startswith("hydra.")
    plain = SAFE_INTERPOLATIONS.sub("x", path) if is_folder else path
    has_interpolation = is_folder and "${" in plain
    is_outside = plain.startswith(("/", "~")) or ".." in PurePath(plain).parts
    return has_interpolation or is_outside
