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
from functools import cache
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.utils import create_config_search_path
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from mtl_cli.cli.config_files import USER_CONF
from mtl_cli.config.interpolations import resolved
from mtl_cli.core.errors import ConfigError, first_line
from mtl_cli.core.message_text import shown
from mtl_cli.core.nested import flatten
from mtl_cli.core.paths import conf_folder
from mtl_cli.core.secrets import secret_reference_in

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
# Settings that mtl-cli or Hydra adds to most command lines. `trusted_section` does not
# get these settings, so that its cached result serves all jobs of a process.
ADDED_SETTINGS = ("hydra.job.name=", "hydra.mode=")
# A key or group of the configuration that a search space may vary, such as `model.name`
# or `+seed`. Keys of Hydra's own section do not match.
SWEPT_KEY = re.compile(r"[+~]{0,2}(?!hydra\b)[A-Za-z][\w./@-]*")


def check_hydra_section(composed: DictConfig, hydra_settings: list[str]) -> None:
    """Refuses a value of Hydra's section that a file may not set.

    `hydra_settings` are the settings of the command line for Hydra's section.
    """
    added_settings = [s for s in hydra_settings if s.startswith(ADDED_SETTINGS)]
    added_keys = {setting.partition("=")[0] for setting in added_settings}
    typed_settings = [s for s in hydra_settings if s not in added_settings]
    choices = composed.hydra.runtime.choices  # {group: chosen option}
    plugin_choices = [f"{g}={choices[g]}" for g in PLUGIN_GROUPS if g in choices]
    # Each setting once: Hydra refuses to choose the option of a group twice.
    settings = tuple(dict.fromkeys(plugin_choices + typed_settings))
    for key, value in unresolved_section(composed).items():
        if f"hydra.{key}" in added_keys or f"{key}.".startswith(SKIPPED_PREFIXES):
            continue
        if is_trusted(key, value, settings):
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


def is_trusted(key: str, value: object, settings: tuple[str, ...]) -> bool:
    """Whether a trusted section holds the unresolved `value`.

    With `--config-path` or `--config-name`, the user's file takes the place of
    mtl-cli's `config.yaml`, and Hydra's defaults remain.
    """
    sections = (trusted_section(settings, name) for name in ("config", None))
    return any(key in section and section[key] == value for section in sections)


@cache
def trusted_section(
    settings: tuple[str, ...], config_name: str | None
) -> dict[str, Any]:
    """Composes Hydra's section without the user's files, so all its values are trusted.

    Args:
        settings: the settings of the command line for Hydra's section.
        config_name: the primary configuration; None for Hydra's defaults alone.

    Returns: {dotted key: unresolved value}.
    """
    search_path = create_config_search_path(str(conf_folder()))
    entries = search_path.get_path()
    entries[:] = [entry for entry in entries if entry.provider != USER_CONF]
    compose: Any = ConfigLoaderImpl._load_configuration_impl
    compose = getattr(compose, "__wrapped__", compose)  # Hydra's own method
    try:
        composed = compose(
            ConfigLoaderImpl(search_path),
            config_name=config_name,
            overrides=list(settings),
            run_mode=RunMode.RUN,
        )
    except Exception as error:
        raise ConfigError(f"hydra: {first_line(error)}") from None
    return unresolved_section(composed)


def unresolved_section(composed: DictConfig) -> dict[str, Any]:
    """Returns Hydra's section as {dotted key: value with its interpolations}."""
    section: Any = OmegaConf.to_container(composed.hydra)
    return flatten(section)


def file_may_not_set_error(key: str) -> ConfigError:
    return ConfigError(
        f"hydra.{key}: a file may not set this key; remove it from the file, or give "
        "it on the command line"
    )


def check_plain(key: str, value: object) -> None:
    """Refuses a resolved value that is not a number, a text or a list of these.

    A text that shows a secret is refused, and a text that still holds `${`: the file
    has a backslash before the `${`, and Hydra would resolve the text once more after
    this check.
    """
    if isinstance(value, list):
        for item in value:
            check_plain(key, item)
    elif isinstance(value, dict):
        raise ConfigError(
            f"{key} takes a number, a text or a list of numbers or texts, but holds "
            "keys; write one VALUE, or [VALUE, ...]"
        )
    elif "${" in str(value):
        raise ConfigError(
            f"{key}: {shown(value)} holds '${{', which Hydra would resolve again; "
            "write the interpolation without the backslash"
        )
    elif reference := secret_reference_in(value):
        raise ConfigError(
            f"{key} holds the value of {reference}, which the names of jobs and "
            "folders would show; use the secret in a key outside of the section hydra"
        )


def check_search_space(name: str, space: object) -> None:
    """Refuses a search space with a key that a file may not vary, or a wrong value.

    The resolved space is {key of the configuration: values to try}, or None. `name` is
    its key, such as `hydra.sweeper.params`.
    """
    if not isinstance(space, dict | None):
        raise ConfigError(f"{name} takes keys with values, such as {{seed: '1,2'}}")
    for key, values in (space or {}).items():
        if not SWEPT_KEY.fullmatch(str(key)):
            raise ConfigError(
                f"{name}: {shown(key)} is not a key of the configuration; remove it"
            )
        check_plain(f"{name}.{key}", values)
        for value in values if isinstance(values, list) else [values]:
            setting = f"{key}={value}"
            try:  # the caller's `limited_reading` ends the parsing of a very long list
                OverridesParser.create().parse_override(setting)
            except RecursionError:
                raise ConfigError(
                    f"{name}.{key}: {shown(setting)} is nested too deeply; write fewer "
                    "brackets"
                ) from None
            except HydraException:
                pass  # the sweeper reports the mistake, or has another grammar
