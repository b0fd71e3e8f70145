"""Turns Hydra's errors into messages of one line, with the fix."""

import contextlib
import re
import shlex
from difflib import get_close_matches
from os.path import isdir
from pathlib import Path
from typing import Any

import yaml
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import (
    ConfigCompositionException,
    MissingConfigException,
    OverrideParseException,
)
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from mtl_cli.cli.config_guard import COMPOSED_SETTINGS
from mtl_cli.config.json_schema import AXES
from mtl_cli.config.overrides import as_typed
from mtl_cli.config.unknown_keys import dotted_keys, unknown_key_message
from mtl_cli.core.errors import first_line, not_utf8_message, suggest
from mtl_cli.core.options import suggest_option
from mtl_cli.core.paths import conf_folder, user_conf_folder
from mtl_cli.core.plugins import conf_folders as plugin_conf_folders

# {option of Hydra's groups: the extra of this package that installs it}
EXTRAS = {
    ("hydra/launcher", "joblib"): "parallel",
    ("hydra/launcher", "submitit_local"): "slurm",
    ("hydra/launcher", "submitit_slurm"): "slurm",
    ("hydra/launcher", "ray"): "ray",
    ("hydra/sweeper", "optuna"): "hpo",
    ("hydra/sweeper", "list"): "hpo",
}
# The groups whose options may come from a plugin. The options of `dataset` are YAML
# files of data sets.
GROUPS_OF_PLUGINS = AXES.keys() - {"dataset"}
SWEEPER_PARAMS = "hydra.sweeper.params"


def explain(error: Exception, arguments: list[str]) -> str:
    """Explains an error of the command line or the YAML files in one line.

    Args:
        error: the error that Hydra, OmegaConf or this package raised.
        arguments: the command line that Hydra was given, in which the settings of
            `dataset` and `compare` have the prefix `++`.
    """
    return as_typed(error_message(error, arguments))


def error_message(error: Exception, arguments: list[str]) -> str:
    """Explains an error in one line. Settings in the line may have the prefix `++`."""
    cause: BaseException = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    if is_about_sweeper_params(error, arguments):
        return (
            f"{SWEEPER_PARAMS} can only be set in a file of conf/sweep/, with text as "
            "values, such as {seed: '1,2'}; on the command line, give the swept keys "
            "themselves: mtl-train -m seed=1,2"
        )
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        return f"{mark.name}:{mark.line + 1}:{mark.column + 1}: {error.problem}"
    if isinstance(error, yaml.YAMLError):
        return " ".join(str(error).split())
    if isinstance(cause, UnicodeEncodeError):
        return not_utf8_message(cause)
    if isinstance(cause, RecursionError):
        return (
            "the files of the configuration include each other without end; correct "
            "their defaults lists"
        )
    if isinstance(error, MissingConfigException):
        return missing_option_message(error)
    if isinstance(error, OverrideParseException):
        return unreadable_setting_message(str(error.override), arguments)
    if isinstance(error, ConfigCompositionException | OmegaConfBaseException):
        return composition_message(error, cause, arguments)
    if isinstance(error, OSError) and error.filename:
        return f"hydra.run.dir: cannot make {error.filename}: {error.strerror}"
    return first_line(error)


def is_about_sweeper_params(error: Exception, arguments: list[str]) -> bool:
    """Whether Hydra could not set `hydra.sweeper.params` from the command line."""
    text = f"{error} {error.__cause__}"
    # `params` is null. If a key below null is set, OmegaConf's error names not the key,
    # but the type of null.
    is_in_error = SWEEPER_PARAMS in text or "Unexpected type for root: NoneType" in text
    is_in_command = any(a.lstrip("+").startswith(SWEEPER_PARAMS) for a in arguments)
    # "is not Optional" is about another mistake: a null among the swept values.
    return is_in_command and is_in_error and "is not Optional" not in text


def composition_message(
    error: BaseException, cause: BaseException, arguments: list[str]
) -> str:
    """Explains why settings do not fit the configuration.

    Args:
        error: the error of Hydra or OmegaConf.
        cause: the first error in the chain of errors that led to `error`.
        arguments: the command line that Hydra was given.
    """
    key = named_key(error) or named_key(cause)
    message = first_line(cause)
    if message.endswith("raised while composing config:"):
        # The reason is on the second line.
        message += f" {str(cause).splitlines()[1]}"
    if not key and message.startswith("Ambiguous value for argument"):
        advice = "add -m to run every value, or write a list as [A,B]"
        return f"{message.rstrip('.')}: {advice}"
    if not key:
        return message
    if "is not Optional" in str(cause):
        return f"{key}: Hydra reads swept values from text; quote the null: 'null'"
    settings = settings_in_note(error) or settings_in_note(cause) or arguments
    config = compose_chosen_options(settings)
    if not config:
        return message
    if key in dotted_keys(config):
        return f"{key}: {message}; set one key at a time: {key}.KEY=VALUE"
    # A job of a sweep may have a model that is not on the command line: name it.
    options = [f"{s}: " for s in group_choices(settings) if s not in arguments]
    return f"{''.join(options)}{unknown_key_message(key, config)}"


def missing_option_message(error: MissingConfigException) -> str:
    """Explains that a config group has no such option."""
    group, _, option = str(error.missing_cfg_file or "").rpartition("/")
    if (group, option) in EXTRAS:
        extra = EXTRAS[group, option]
        return f"{group}={option} needs a package: pip install 'mtl-cli[{extra}]'"
    options = sorted(
        path.stem
        for folder in option_folders()
        for path in (folder / group).glob("*.yaml")
        if path.is_file()
    )
    if not options:
        return first_line(error)
    may_be_of_plugin = group in GROUPS_OF_PLUGINS
    hint = (suggest_option if may_be_of_plugin else suggest)(option, options)
    return (
        f"the group '{group}' has no config '{option}'; known: {', '.join(options)}"
        f"{hint}"
    )


def unreadable_setting_message(setting: str, arguments: list[str]) -> str:
    """Explains why an argument cannot be read as `key=value`."""
    key, equals, value = setting.partition("=")
    if equals:
        # Within the quotes of a list, the list would be a text.
        items = value.removeprefix("[").removesuffix("]").split(",")
        is_list = len(value) > 2 and value == f"[{','.join(items)}]"
        texts = [f'"{text.strip()}"' for text in (items if is_list else [value])]
        quoted = f"[{','.join(texts)}]" if is_list else texts[0]
        return (
            f"cannot read '{setting}'; quote a value that has special characters: "
            f"'{key}={quoted}'"
        )
    keys = similar_keys(setting, arguments)
    hint = f"; did you mean {keys[0]}=...?" if keys else ""
    return f"'{setting}' has no '='; settings are given as key=value{hint}"


def unknown_flag_message(flag: str, arguments: list[str]) -> str:
    """Explains that a flag is unknown, and suggests a similar setting."""
    name, _, value = flag.lstrip("-").partition("=")
    keys = similar_keys(name.replace("-", "_"), arguments)
    hint = f"; did you mean {keys[0]}={value or '...'}?" if keys else ""
    return f"there is no flag '{flag}'; settings are given without dashes{hint}"


def similar_keys(word: str, arguments: list[str]) -> list[str]:
    """Returns keys that resemble a word, or whose last part resembles the word."""
    keys = dotted_keys(compose_chosen_options(arguments))
    # Reversed, so that the first of several keys with the same last part is kept.
    by_last_part = {key.rpartition(".")[2]: key for key in reversed(keys)}
    similar = get_close_matches(word, keys, n=1, cutoff=0.8)
    similar_parts = get_close_matches(word, by_last_part, n=3, cutoff=0.7)
    return similar + [by_last_part[part] for part in similar_parts]


def named_key(error: BaseException) -> str:
    """Returns the dotted key that an error names, or ""."""
    key = getattr(error, "full_key", None)
    if key:
        return str(key)
    match = re.search(r"(?:Could not override|full_key:) '?([\w.]+)", str(error))
    return match.group(1) if match else ""


def settings_in_note(error: BaseException) -> list[str]:
    """Returns the settings that a note on an error lists; [] if there is no note."""
    for text in getattr(error, "__notes__", []):
        if text.startswith(COMPOSED_SETTINGS):
            return shlex.split(text.removeprefix(COMPOSED_SETTINGS))
    return []


def compose_chosen_options(arguments: list[str]) -> dict[Any, Any]:
    """Composes the configuration with the chosen options, without other settings.

    The result shows which keys exist: with `model=mmoe`, the keys of MMoE. If the
    options cannot be composed, the default options are. The result is {} if these
    cannot be composed either.
    """
    GlobalHydra.instance().clear()
    for settings in (group_choices(arguments), []):
        with (
            contextlib.suppress(Exception),
            initialize_config_dir(str(conf_folder()), version_base="1.3"),
        ):
            settings.append("hydra.job.name=x")  # any name: Hydra needs one
            values = OmegaConf.to_container(compose("config", settings))
            return values if isinstance(values, dict) else {}
    return {}


def group_choices(arguments: list[str]) -> list[str]:
    """Returns the arguments that choose one option of a config group."""
    return [
        argument
        for argument in arguments
        if is_group(argument.partition("=")[0].lstrip("+")) and "," not in argument
    ]


def is_group(name: str) -> bool:
    """Whether a word names a config group."""
    # Path.is_dir raises an error if a word is too long for the name of a file.
    return bool(name) and any(isdir(folder / name) for folder in option_folders())


def option_folders() -> list[Path]:
    """Returns the folders of configs: our own, the user's and the plugins' folders."""
    folders = [conf_folder(), user_conf_folder(), *plugin_conf_folders()]
    return [folder for folder in folders if folder is not None]
