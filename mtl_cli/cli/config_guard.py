"""Checks the section `hydra` of a configuration before Hydra acts on it.

The section `hydra` can make Hydra build any class, run commands and create folders. A
configuration may come from someone else: `--config-path RUN`, or a `./conf`. YAML files
may therefore set only a few keys of this section to plain values, and may name only
folders below the current folder. The command line is trusted and may set every key.
"""

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from omegaconf import DictConfig, OmegaConf, flag_override

from mtl_cli.cli.folder_guard import check_folders
from mtl_cli.cli.hydra_section_guard import check_hydra_section, file_may_not_set_error
from mtl_cli.config.interpolations import hydra_interpolations, resolved
from mtl_cli.core.errors import ConfigError
from mtl_cli.core.message_text import shown
from mtl_cli.core.paths import conf_folder
from mtl_cli.core.secret_resolvers import track_secrets
from mtl_cli.core.yaml_limits import limited_reading

HYDRA_CONFIG = "hydra/config"  # the file of Hydra's own defaults
# The start of the note that `compose_checked` adds to an error.
COMPOSED_SETTINGS = "composed of: "
# The only callback of Hydra that a configuration keeps.
START_OF_SWEEP = "mtl_cli.sweep.session.StartOfSweep"


def compose_checked(
    original: Callable[..., DictConfig], loader: ConfigLoaderImpl, **arguments: Any
) -> DictConfig:
    """Composes and checks a configuration, and removes all callbacks but mtl-cli's.

    A callback of Hydra would check too late: Hydra first builds the callbacks from the
    classes that the configuration names. `original` is the method of Hydra's loader
    that this function replaces.
    """
    track_secrets()  # now, after Hydra has registered its own resolvers
    config_name = arguments["config_name"]
    settings = list(arguments["overrides"])
    prefixes = ("hydra.", "hydra/")
    hydra_settings = [s for s in settings if s.lstrip("+~").startswith(prefixes)]
    try:
        with limited_reading():
            check_search_path(loader, config_name)
            composed = original(loader, **arguments)
    except Exception as error:
        # `hydra_errors` reads the note: a job has other settings than the command line.
        error.add_note(f"{COMPOSED_SETTINGS}{shlex.join(settings)}")
        raise
    check_plugins(composed)
    with limited_reading(), hydra_interpolations(composed):
        if reads_foreign_folders(composed):
            check_hydra_section(composed, hydra_settings)
        if config_name and resolved(composed, "dataset.name") is None:
            # Hydra names the run folder after the data set.
            raise ConfigError("missing key 'dataset.name'; add it to the YAML file")
        check_folders(composed, hydra_settings)
    # Hydra records each setting of the command line in one of these two lists. A file
    # could add settings.
    overrides = composed.hydra.overrides
    if len(overrides.hydra) + len(overrides.task) != len(settings):
        raise file_may_not_set_error("overrides")
    with flag_override(composed, ["struct", "readonly"], False):
        composed.hydra.callbacks = {"ours": {"_target_": START_OF_SWEEP}}
    return composed


def reads_foreign_folders(composed: DictConfig) -> bool:
    """Whether the search path has a folder outside of mtl-cli and installed packages.

    Such a folder is the user's `./conf` or the FOLDER of `--config-dir`, for example.
    """
    return any(
        source.schema not in ("pkg", "structured")
        and Path(source.path) != conf_folder()
        for source in composed.hydra.runtime.config_sources
    )


def check_search_path(loader: ConfigLoaderImpl, config_name: str | None) -> None:
    """Refuses a configuration that changes the search path or Hydra's own defaults.

    The primary configuration, `config_name`, may not add to the search path, because
    Hydra imports the packages in the path before it composes a configuration. No folder
    may replace Hydra's defaults, the file `hydra/config.yaml`.
    """
    hydra_config = loader.repository.load_config(HYDRA_CONFIG)
    if hydra_config is not None and hydra_config.provider != "hydra":
        folder = hydra_config.path.removeprefix("file://")
        raise ConfigError(
            f"{folder}/{HYDRA_CONFIG}.yaml takes the place of Hydra's own file; remove "
            "this file, or give its keys on the command line"
        )
    primary = loader.repository.load_config(config_name) if config_name else None
    if primary is not None and OmegaConf.select(primary.config, "hydra.searchpath"):
        raise file_may_not_set_error("searchpath")


def check_plugins(composed: DictConfig) -> None:
    """Refuses a text in place of the section of a launcher or a sweeper."""
    for key in ("launcher", "sweeper"):
        name = OmegaConf.select(composed.hydra, key)
        if not isinstance(name, DictConfig):
            raise ConfigError(
                f"hydra.{key}: {shown(name)} is not a group of keys; choose the {key} "
                f"by hydra/{key}={name}"
            )
