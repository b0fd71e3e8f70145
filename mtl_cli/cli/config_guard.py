"""Checks the section `hydra` of a configuration before Hydra acts on it.

The section `hydra` can make Hydra build any class, run commands and create folders. A
configuration may come from someone else: `--config-path RUN`, or a `./conf`. YAML files
may therefore set only a few keys of this section to plain values, and may name only
folders below the current folder. The command line is trusted and may set every key.

The composed section is checked after its interpolations are resolved. A value is
allowed if our own files and the command line alone, without the user's files, give the
same value.
"""

import contextlib
import re
import shlex
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from omegaconf import DictConfig, OmegaConf, flag_override

from mtl_cli.cli.config_files import USER_CONF
from mtl_cli.cli.folder_guard import check_folders
from mtl_cli.cli.hydra_internals import compose_without
from mtl_cli.cli.interpolations import hydra_interpolations, resolved
from mtl_cli.cli.value_guard import check_plain, check_search_space
from mtl_cli.core.errors import ConfigError, first_line
from mtl_cli.core.message_text import shown
from mtl_cli.core.nested import flatten
from mtl_cli.core.paths import conf_folder
from mtl_cli.core.secret_resolvers import track_secrets
from mtl_cli.core.yaml_limits import limited_reading

HYDRA_CONFIG = "hydra/config"  # the file of Hydra's own defaults
COMPOSED_SETTINGS = "composed of: "  # the start of the note that `noted_settings` adds
# The only callback of Hydra that a configuration keeps.
START_OF_SWEEP = "mtl_cli.sweep.start_of_sweep.StartOfSweep"
# A file may set two kinds of keys of Hydra's section: search spaces, and keys with a
# plain value.
SEARCH_SPACES = ("sweeper.params", "sweeper.list_params", "sweeper.grid_params")
PLAIN_KEYS = re.compile(
    r"mode|run\.dir|sweep\.dir"
    r"|sweeper\.(direction|max_failure_rate|n_jobs|n_trials|storage|study_name)"
    r"|sweeper\.sampler\.[a-z]\w*"  # not `_target_`, the name of a class
)
# Optuna's storages that a file may choose: memory, or a file in the sweep's folder.
SAFE_STORAGES = (None, "sqlite:///${hydra.sweep.dir}/optuna.db")
# Groups whose options come with installed plugins; a file may choose any option.
PLUGIN_GROUPS = ("hydra/launcher", "hydra/sweeper", "hydra/sweeper/sampler")
# Hydra writes these keys after it has composed the files.
WRITTEN_BY_HYDRA = ("runtime", "overrides", "job.override_dirname")
# Keys that need not hold trusted or plain values. Search spaces have their own check.
SKIPPED_PREFIXES = tuple(f"{key}." for key in (*WRITTEN_BY_HYDRA, *SEARCH_SPACES))
# Settings that mtl-cli or Hydra adds to most command lines. `trusted_sections` does not
# get these settings, so that its cached result serves all jobs of a process.
ADDED_SETTINGS = ("hydra.job.name=", "hydra.mode=")


def compose_checked(
    compose: Callable[..., DictConfig], loader: ConfigLoaderImpl, **arguments: Any
) -> DictConfig:
    """Composes and checks a configuration, and removes all callbacks but mtl-cli's.

    A callback of Hydra would check too late: Hydra first builds the callbacks from the
    classes that the configuration names.

    Args:
        compose: the method of Hydra's loader that this function replaces.
        loader: Hydra's loader.
        arguments: the arguments of `compose`. `overrides` holds the settings of the
            command line, or of a job of a sweep.

    Raises:
        ConfigError: if the configuration is not allowed.
    """
    track_secrets()  # now, after Hydra has registered its own resolvers
    config_name = arguments["config_name"]
    settings = list(arguments["overrides"])
    prefixes = ("hydra.", "hydra/")
    hydra_settings = [s for s in settings if s.lstrip("+~").startswith(prefixes)]
    with noted_settings(settings), limited_reading():
        check_search_path(loader, config_name)
        composed = compose(loader, **arguments)
    check_plugins(composed)
    with limited_reading(), hydra_interpolations(composed):
        if reads_foreign_folders(composed):
            check_hydra_section(composed, hydra_settings)
        if config_name and resolved(composed, "dataset.name") is None:
            # Hydra names the run folder after the data set.
            raise ConfigError("missing key 'dataset.name'; add it to the YAML file")
        check_folders(composed, hydra_settings)
    check_recorded_settings(composed, settings)
    with flag_override(composed, ["struct", "readonly"], False):
        composed.hydra.callbacks = {"ours": {"_target_": START_OF_SWEEP}}
    return composed


@contextlib.contextmanager
def noted_settings(settings: list[str]) -> Iterator[None]:
    """Adds a note with the composed settings to an error of the block.

    `setting_errors` reads the note, because a job of a sweep has other settings than the
    command line.
    """
    try:
        yield
    except Exception as error:
        error.add_note(f"{COMPOSED_SETTINGS}{shlex.join(settings)}")
        raise


def check_recorded_settings(composed: DictConfig, settings: list[str]) -> None:
    """Refuses a file that sets `hydra.overrides`.

    Hydra records each setting of the command line there, in one of the two lists
    `hydra` and `task`. A file that adds to a list makes the lists too long.
    """
    overrides = composed.hydra.overrides
    if len(overrides.hydra) + len(overrides.task) != len(settings):
        raise file_may_not_set_error("overrides")


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
    """Refuses `hydra.launcher: joblib`, a text in place of the launcher's section.

    The same holds for `hydra.sweeper`.
    """
    for key in ("launcher", "sweeper"):
        name = OmegaConf.select(composed.hydra, key)
        if not isinstance(name, DictConfig):
            raise ConfigError(
                f"hydra.{key}: {shown(name)} is not a group of keys; choose the {key} "
                f"by hydra/{key}={name}"
            )


def check_hydra_section(composed: DictConfig, hydra_settings: list[str]) -> None:
    """Refuses a value of Hydra's section that a file may not set.

    Args:
        composed: the configuration.
        hydra_settings: the settings of the command line for Hydra's section.
    """
    choices = composed.hydra.runtime.choices
    # These choices are trusted, even if a file has made them.
    plugin_choices = [f"{g}={choices[g]}" for g in PLUGIN_GROUPS if g in choices]
    added_settings = [s for s in hydra_settings if s.startswith(ADDED_SETTINGS)]
    added_keys = {setting.partition("=")[0] for setting in added_settings}
    typed_settings = [s for s in hydra_settings if s not in added_settings]
    # A dict keeps each setting once: the user may have typed such a choice.
    trusted_settings = dict.fromkeys([*plugin_choices, *typed_settings])
    sections = trusted_sections(tuple(trusted_settings))
    section: Any = OmegaConf.to_container(composed.hydra)
    for key, value in flatten(section).items():
        if f"hydra.{key}" in added_keys or f"{key}.".startswith(SKIPPED_PREFIXES):
            continue
        if any(key in trusted and value == trusted[key] for trusted in sections):
            continue
        if not PLAIN_KEYS.fullmatch(key):
            raise file_may_not_set_error(key)
        if key == "sweeper.storage" and value not in SAFE_STORAGES:
            raise ConfigError(
                f"hydra.{key}: {shown(value)} is not in the sweep's folder; give "
                f"hydra.{key} on the command line"
            )
        check_plain(f"hydra.{key}", resolved(composed, f"hydra.{key}"))
    for key in SEARCH_SPACES:
        check_search_space(f"hydra.{key}", resolved(composed, f"hydra.{key}"))


@cache
def trusted_sections(settings: tuple[str, ...]) -> list[dict[str, Any]]:
    """Composes Hydra's section without the user's files, so all its values are trusted.

    Returns: two sections, {dotted key: unresolved value}. The first is composed from
        Hydra's files and our own, the second from Hydra's files alone.
    """
    sections = []
    for folder, name in ((str(conf_folder()), "config"), (None, None)):
        try:
            composed = compose_without(USER_CONF, folder, name, list(settings))
        except Exception as error:
            raise ConfigError(f"hydra: {first_line(error)}") from None
        section: Any = OmegaConf.to_container(composed.hydra)
        sections.append(flatten(section))
    return sections


def file_may_not_set_error(key: str) -> ConfigError:
    """Returns the error about a key of Hydra's section that a file has set."""
    return ConfigError(
        f"hydra.{key}: a file may not set this key; remove it from the file, or give "
        "it on the command line"
    )
