"""Checks what a configuration asks of Hydra itself, before Hydra acts on it.

Hydra's own section of a configuration can build classes, start commands and make
folders. The configuration may come from someone else (`--config-path RUN`, a `./conf`).
So YAML files may set a few keys of that section to plain values, and name folders below
the current one. Only the command line may set the other keys, because it is trusted.

The check looks at the composed section, with its interpolations resolved: whatever way
a value came into a file, its effect stands there. Whatever our own files and the
command line lead to without any other file is allowed.
"""

import re
import shlex
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from omegaconf import DictConfig, OmegaConf, flag_override

from mtl_cli.cli.folder_guard import check_folders
from mtl_cli.cli.hydra_internals import (
    bound_yaml_files,
    compose_without,
    own_part_of_primary,
    wrap_composition,
)
from mtl_cli.cli.interpolations import hydra_interpolations, resolved
from mtl_cli.core.errors import ConfigError, first_line, shown
from mtl_cli.core.nested import flatten
from mtl_cli.core.paths import conf_folder
from mtl_cli.core.secrets import secret_in, track_secrets
from mtl_cli.core.time_limit import limited_reading

HYDRA_CONFIG = "hydra/config"  # Hydra's own defaults, in its search path
USER_FILES = "mtl-user"  # who adds the user's `./conf` to Hydra's search path
COMPOSED_SETTINGS = "composed of: "
START_OF_SWEEP = "mtl_cli.sweep.session.StartOfSweep"
# The keys of Hydra's section that a file may set: search spaces, and plain values.
SEARCH_SPACES = ("sweeper.params", "sweeper.list_params", "sweeper.grid_params")
FROM_FILES = re.compile(
    r"mode|run\.dir|sweep\.dir"
    r"|sweeper\.(direction|max_failure_rate|n_jobs|n_trials|storage|study_name)"
    r"|sweeper\.sampler\.[a-z]\w*"  # not `_target_` and its kind
)
SAFE_STORAGES = (None, "sqlite:///${hydra.sweep.dir}/optuna.db")
# Groups whose options come with installed plugins; a file may choose any option.
PLUGIN_GROUPS = ("hydra/launcher", "hydra/sweeper", "hydra/sweeper/sampler")
# Hydra fills these in after the files are composed.
NO_EFFECT = ("runtime", "overrides", "job.override_dirname")
CHECKED_ELSEWHERE = tuple(f"{key}." for key in (*NO_EFFECT, *SEARCH_SPACES))
# A key of a search space: a key or a group of the configuration, not Hydra's own.
SWEPT_KEY = re.compile(r"[+~]{0,2}(?!hydra\b)[A-Za-z][\w./@-]*")


def refuse_foreign_code() -> None:
    """Makes Hydra refuse a configuration that asks for more than its values.

    An accepted configuration gets our callback for sweeps; no other callback is
    possible.
    """
    bound_yaml_files()
    wrap_composition(compose_checked)


def compose_checked(
    loader: ConfigLoaderImpl,
    compose: Callable[[], DictConfig],
    config_name: str | None,
    settings: list[str],
) -> DictConfig:
    """Composes a configuration, checks it, and adds our callback for sweeps."""
    track_secrets()  # Hydra has registered resolvers of its own since the start
    typed = [s for s in settings if s.lstrip("+~").startswith(("hydra.", "hydra/"))]
    try:
        with limited_reading():
            check_search_path(loader, config_name)
            composed = compose()
    except Exception as error:
        # A sweep's job has other settings than the command line.
        error.add_note(f"{COMPOSED_SETTINGS}{shlex.join(settings)}")
        raise
    check_plugins(composed)
    with limited_reading(), hydra_interpolations(composed):
        if reads_other_files(composed):
            check_hydra_section(composed, typed)
        if config_name and resolved(composed, "dataset.name") is None:
            # Hydra names the run folder after the data set.
            raise ConfigError("missing key 'dataset.name'; add it to the YAML file")
        check_folders(composed, typed)
    overrides = composed.hydra.overrides
    if len(overrides.hydra) + len(overrides.task) != len(settings):
        raise only_typed_error("overrides")
    with flag_override(composed, ["struct", "readonly"], False):
        composed.hydra.callbacks = {"ours": {"_target_": START_OF_SWEEP}}
    return composed


def check_search_path(loader: ConfigLoaderImpl, config_name: str | None) -> None:
    """Refuses files that would take the place of Hydra's own settings.

    A primary configuration may not add to Hydra's search path: Hydra imports the
    packages of the path before it composes anything. No folder may hold another
    `hydra/config.yaml`, in which Hydra's defaults stand.
    """
    hydra_config = loader.repository.load_config(HYDRA_CONFIG)
    if hydra_config is not None and hydra_config.provider != "hydra":
        folder = hydra_config.path.removeprefix("file://")
        raise ConfigError(
            f"{folder}/{HYDRA_CONFIG}.yaml takes the place of Hydra's own file; remove "
            "it, or give its keys on the command line"
        )
    primary = own_part_of_primary(loader, config_name) if config_name else None
    if isinstance(primary, DictConfig) and OmegaConf.select(
        primary, "hydra.searchpath"
    ):
        raise only_typed_error("searchpath")


def check_plugins(composed: DictConfig) -> None:
    """Refuses a name in place of the keys of Hydra's launcher or sweeper."""
    for key in ("launcher", "sweeper"):
        name = OmegaConf.select(composed.hydra, key)
        if not isinstance(name, DictConfig):
            raise ConfigError(
                f"hydra.{key}: {shown(name)} is not a group of keys; choose the {key} "
                f"by hydra/{key}={name}"
            )


def reads_other_files(composed: DictConfig) -> bool:
    """Whether the search path holds a folder other than ours.

    The other sources of our own and of plugins' configs are installed packages.
    """
    return any(
        source.schema not in ("pkg", "structured")
        and Path(source.path) != conf_folder()
        for source in composed.hydra.runtime.config_sources
    )


def check_hydra_section(composed: DictConfig, typed: list[str]) -> None:
    """Raises an error if files set more of Hydra's section than they may.

    Args:
        composed: the configuration, with Hydra's own section.
        typed: the settings of the command line that concern Hydra's section.
    """
    choices = composed.hydra.runtime.choices
    plugins = [f"{g}={choices[g]}" for g in PLUGIN_GROUPS if g in choices]
    allowed = trusted_values(tuple(dict.fromkeys([*plugins, *typed])))
    section: Any = OmegaConf.to_container(composed.hydra)
    for key, value in flatten(section).items():
        is_trusted = any(value == trusted[key] for trusted in allowed if key in trusted)
        if is_trusted or f"{key}.".startswith(CHECKED_ELSEWHERE):
            continue
        if not FROM_FILES.fullmatch(key):
            raise only_typed_error(key)
        if key == "sweeper.storage" and value not in SAFE_STORAGES:
            raise ConfigError(
                f"hydra.{key}: {shown(value)} is not in the sweep's folder; give it on "
                "the command line"
            )
        check_plain(f"hydra.{key}", resolved(composed, f"hydra.{key}"))
    for key in SEARCH_SPACES:
        check_search_space(f"hydra.{key}", resolved(composed, f"hydra.{key}"))


@cache
def trusted_values(settings: tuple[str, ...]) -> list[dict[str, Any]]:
    """Returns Hydra's section without a user's files, in which any value is trusted.

    Args:
        settings: the settings that concern Hydra's section.

    Returns: two sections, composed from our own files and from Hydra's files alone,
        each {dotted key: value with its interpolations}.
    """
    sections = []
    for folder, name in ((str(conf_folder()), "config"), (None, None)):
        try:
            composed = compose_without(USER_FILES, folder, name, list(settings))
        except Exception as error:
            raise ConfigError(f"hydra: {first_line(error)}") from None
        section: Any = OmegaConf.to_container(composed.hydra)
        sections.append(flatten(section))
    return sections


def only_typed_error(key: str) -> ConfigError:
    """Returns the error about a key of Hydra's section that a file has set."""
    return ConfigError(
        f"hydra.{key}: a file may not set this key; remove it, or give it on the "
        "command line"
    )


def check_plain(key: str, value: Any) -> None:
    """Refuses a resolved value other than a number, a text or a list of them."""
    if isinstance(value, list):
        for item in value:
            check_plain(key, item)
    elif isinstance(value, dict):
        raise ConfigError(f"{key} takes a number, a text or a list of them")
    elif name := secret_in(value):
        raise ConfigError(
            f"{key} holds the value of {name}, which the names of jobs and folders "
            "would show; give the secret to a key of the configuration"
        )


def check_search_space(name: str, space: Any) -> None:
    """Refuses a search space that sets keys which no configuration has.

    Args:
        name: the dotted key of the search space.
        space: {key of the configuration: values to try}, resolved; or None.
    """
    if space is None:
        return
    if not isinstance(space, dict):
        raise ConfigError(f"{name} takes keys with values to try")
    for key, values in space.items():
        if not SWEPT_KEY.fullmatch(str(key)):
            raise ConfigError(f"{name}: {shown(key)} is not a key of the configuration")
        check_plain(f"{name}.{key}", values)
