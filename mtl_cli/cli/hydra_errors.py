"""Hydra's errors, each told in one line with the fix."""

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
from mtl_cli.config.check import dotted_keys, unknown_key
from mtl_cli.config.overrides import as_typed
from mtl_cli.core.errors import first_line, suggest
from mtl_cli.core.paths import conf_folder, user_conf_folder
from mtl_cli.core.plugins import conf_folders as plugin_conf_folders

# Hydra's plugins, and the extra that installs each.
EXTRAS = {
    ("hydra/launcher", "joblib"): "parallel",
    ("hydra/launcher", "submitit_local"): "slurm",
    ("hydra/launcher", "submitit_slurm"): "slurm",
    ("hydra/launcher", "ray"): "ray",
    ("hydra/sweeper", "optuna"): "hpo",
    ("hydra/sweeper", "list"): "hpo",
}

PARAMS = (
    "hydra.sweeper.params: belongs into a file of conf/sweep/, as keys with text like "
    "{seed: '1,2'}; on the command line give the keys themselves: mtl-train -m seed=1,2"
)


def explain(error: Exception, arguments: list[str]) -> str:
    """Returns what is wrong with the command or the YAML files, in one line.

    Args:
        error: what Hydra or OmegaConf raised.
        arguments: of the command line, tidied.
    """
    return as_typed(reason(error, arguments))


def reason(error: Exception, arguments: list[str]) -> str:
    """Returns that line, with settings as Hydra was given them."""
    cause = error.__cause__ or error
    if is_about_params(error, arguments):
        return PARAMS
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        return f"{mark.name}:{mark.line + 1}:{mark.column + 1}: {error.problem}"
    if isinstance(error, MissingConfigException):
        return missing_config(error)
    if isinstance(error, OverrideParseException):
        return unreadable(error, arguments)
    if isinstance(error, ConfigCompositionException | OmegaConfBaseException):
        key = full_key(error) or full_key(cause)
        if not key:
            return ambiguous(first_line(cause))
        if "is not Optional" in str(cause):
            return f"{key}: is text to Hydra, which has no null; quote it: 'null'"
        settings = composed_of(error) or composed_of(cause) or arguments
        known = composed(settings)
        if key in dotted_keys(known):
            return f"{key}: {first_line(cause)}; set one key at a time: {key}.KEY=VALUE"
        chosen = [f"{s}: " for s in groups_in(settings) if s not in arguments]
        return f"{''.join(chosen)}{unknown_key(key, known)}"
    if isinstance(error, OSError) and error.filename:
        return f"hydra.run.dir: cannot make {error.filename}: {error.strerror}"
    return first_line(error)


def is_about_params(error: Exception, arguments: list[str]) -> bool:
    """Whether Hydra could not set what its sweeper goes over."""
    key = "hydra.sweeper.params"
    text = f"{error} {error.__cause__}"
    given = any(argument.lstrip("+").startswith(key) for argument in arguments)
    # The second is what OmegaConf says of a key below null.
    told = key in text or "Unexpected type for root: NoneType" in text
    return given and told and "is not Optional" not in text


def ambiguous(message: str) -> str:
    """Adds to Hydra's word about `key=1,2` what to do about it."""
    if message.startswith("Ambiguous value for argument"):
        return f"{message.rstrip('.')}: add -m to run every value, or quote it"
    return message


def missing_config(error: MissingConfigException) -> str:
    """Says which option a group does not have."""
    group, _, option = str(error.missing_cfg_file or "").rpartition("/")
    if (group, option) in EXTRAS:
        extra = EXTRAS[group, option]
        return f"{group}={option} needs a package: pip install 'mtl-cli[{extra}]'"
    folders = [conf_folder(), user_conf_folder(), *plugin_conf_folders()]
    options = sorted(
        path.stem
        for f in folders
        if f is not None
        for path in (f / group).glob("*.yaml")
    )
    if not options:
        return first_line(error)
    return (
        f"no config '{option}' in the group '{group}'; known: {', '.join(options)}"
        f"{suggest(option, options)}"
    )


def unreadable(error: OverrideParseException, arguments: list[str]) -> str:
    """Says why an argument is not `key=value`."""
    text = str(error.override)
    if "=" not in text:
        keys = keys_like(text, arguments)
        hint = f"; did you mean {keys[0]}=...?" if keys else ""
        return f"'{text}' has no '='; settings are given as key=value{hint}"
    key, _, value = text.partition("=")
    return (
        f"cannot read '{text}'; quote a value that has special characters: "
        f"'{key}=\"{value}\"'"
    )


def unknown_flag(flag: str, arguments: list[str]) -> str:
    """Says that a flag is unknown, and which setting may have been meant."""
    name, _, value = flag.lstrip("-").partition("=")
    keys = keys_like(name.replace("-", "_"), arguments)
    hint = f"; did you mean {keys[0]}={value or '...'}?" if keys else ""
    return f"no flag '{flag}'; settings are given without dashes{hint}"


def keys_like(word: str, arguments: list[str]) -> list[str]:
    """Returns known keys whose whole or last part is like a word, nearest first."""
    known = dotted_keys(composed(arguments))
    leaves = {key.rpartition(".")[2]: key for key in reversed(known)}
    near = get_close_matches(word, leaves, n=3, cutoff=0.7)
    return get_close_matches(word, known, n=1, cutoff=0.8) + [leaves[x] for x in near]


def full_key(error: BaseException) -> str:
    """Returns the dotted key that an error is about, or ""."""
    key = getattr(error, "full_key", None)
    if key:
        return str(key)
    found = re.search(r"(?:Could not override|full_key:) '?([\w.]+)", str(error))
    return found.group(1) if found else ""


def composed_of(error: BaseException) -> list[str]:
    """Returns the settings that could not be composed, if the error has them noted."""
    for note in getattr(error, "__notes__", []):
        if note.startswith(COMPOSED_SETTINGS):
            return shlex.split(note.removeprefix(COMPOSED_SETTINGS))
    return []


def composed(arguments: list[str]) -> dict[Any, Any]:
    """Composes the configuration with the command line's groups alone.

    Its keys are the known ones: those of `model=mmoe` if that is what was asked for.
    """
    groups = groups_in(arguments)
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(conf_folder()), version_base="1.3"):
            values = OmegaConf.to_container(compose("config", groups))
    except Exception:
        with initialize_config_dir(str(conf_folder()), version_base="1.3"):
            values = OmegaConf.to_container(compose("config"))
    return values if isinstance(values, dict) else {}


def groups_in(arguments: list[str]) -> list[str]:
    """Returns the arguments that choose one option of a config group."""
    folders = [conf_folder(), user_conf_folder(), *plugin_conf_folders()]
    return [
        argument
        for argument in arguments
        if is_group(argument.partition("=")[0].lstrip("+"), folders)
        and "," not in argument
    ]


def is_group(name: str, folders: list[Path | None]) -> bool:
    """Whether a word names a config group."""
    # Path.is_dir raises an error where a word is too long to be a file's name.
    return bool(name) and any(f is not None and isdir(f / name) for f in folders)
