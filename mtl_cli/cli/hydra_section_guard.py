"""Checks the values in the section `hydra` of a configuration.

A value is trusted if the installed files and the command line alone, without the user's
files, give the same text. Any other value may come from a file; a file may set only a
few keys, and only to plain values. `config_guard` says why.

A trusted text is compared with its interpolations, such as `${hydra.job.name}`. A file
cannot misuse them: they refer to values that are checked here too, or to values that
mtl-cli or Hydra sets. Folders also refer to keys such as `dataset.name`;
`folder_guard` checks the resolved folders.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from omegaconf import DictConfig, OmegaConf

from mtl_cli.cli.config_files import USER_CONF
from mtl_cli.cli.hydra_internals import compose_without
from mtl_cli.cli.value_guard import check_plain, check_search_space
from mtl_cli.config.interpolations import resolved
from mtl_cli.core.errors import ConfigError, first_line
from mtl_cli.core.message_text import shown
from mtl_cli.core.nested import flatten
from mtl_cli.core.paths import conf_folder

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
# Hydra writes these keys after it has composed the files. `job.config_name` is then the
# NAME of `--config-name`.
WRITTEN_BY_HYDRA = ("runtime", "overrides", "job.override_dirname", "job.config_name")
# Keys that need not hold trusted or plain values. Search spaces have their own check.
SKIPPED_PREFIXES = tuple(f"{key}." for key in (*WRITTEN_BY_HYDRA, *SEARCH_SPACES))
# Settings that mtl-cli or Hydra adds to most command lines. `trusted_sections` does not
# get these settings, so that its cached result serves all jobs of a process.
ADDED_SETTINGS = ("hydra.job.name=", "hydra.mode=")


def check_hydra_section(composed: DictConfig, hydra_settings: list[str]) -> None:
    """Refuses a value of Hydra's section that a file may not set.

    `hydra_settings` are the settings of the command line for Hydra's section.
    """
    added_settings = [s for s in hydra_settings if s.startswith(ADDED_SETTINGS)]
    added_keys = {setting.partition("=")[0] for setting in added_settings}
    choices = composed.hydra.runtime.choices
    trusted = trusted_sections(trusted_settings(choices, hydra_settings))
    for key, value in unresolved_section(composed).items():
        if f"hydra.{key}" in added_keys or f"{key}.".startswith(SKIPPED_PREFIXES):
            continue
        if any(key in section and section[key] == value for section in trusted):
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


def trusted_settings(
    choices: Mapping[str, str], hydra_settings: list[str]
) -> tuple[str, ...]:
    """Returns the choices of plugins and the typed settings, each setting once.

    A choice of a plugin is trusted, even if a file has made it. `choices` has the form
    {group: chosen option}.
    """
    plugin_choices = [f"{g}={choices[g]}" for g in PLUGIN_GROUPS if g in choices]
    typed_settings = [s for s in hydra_settings if not s.startswith(ADDED_SETTINGS)]
    return tuple(dict.fromkeys([*plugin_choices, *typed_settings]))


@cache
def trusted_sections(settings: tuple[str, ...]) -> list[dict[str, Any]]:
    """Composes Hydra's section without the user's files, so all its values are trusted.

    Returns: two sections, {dotted key: unresolved value}: one with mtl-cli's
        `config.yaml`, and one without. With `--config-path` or `--config-name`, the
        user's file takes the place of `config.yaml`, and Hydra's defaults remain.
    """
    sections = []
    for folder, name in ((str(conf_folder()), "config"), (None, None)):
        try:
            composed = compose_without(USER_CONF, folder, name, list(settings))
        except Exception as error:
            raise ConfigError(f"hydra: {first_line(error)}") from None
        sections.append(unresolved_section(composed))
    return sections


def unresolved_section(composed: DictConfig) -> dict[str, Any]:
    """Returns Hydra's section as {dotted key: value with its interpolations}."""
    section: Any = OmegaConf.to_container(composed.hydra)
    return flatten(section)


def file_may_not_set_error(key: str) -> ConfigError:
    return ConfigError(
        f"hydra.{key}: a file may not set this key; remove it from the file, or give "
        "it on the command line"
    )
