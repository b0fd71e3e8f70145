"""Hydra's errors, each told in one line with the fix."""

import re
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import (
    ConfigCompositionException,
    HydraException,
    MissingConfigException,
    OverrideParseException,
)
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from mtl_cli.check import first_line, unknown_key
from mtl_cli.errors import MtlError, suggest
from mtl_cli.paths import conf_folder, user_conf_folder


def is_about_the_command(error: Exception) -> bool:
    """Whether an error comes from the command line or the YAML files."""
    about = HydraException | OmegaConfBaseException | yaml.YAMLError
    return isinstance(error, about)


def explain(error: Exception, arguments: list[str]) -> str:
    """Returns what is wrong, in one line.

    Args:
        error: what Hydra, OmegaConf or the run raised.
        arguments: of the command line.
    """
    cause = error.__cause__ or error
    if isinstance(error, MtlError):
        return str(error)
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        return f"{mark.name}:{mark.line + 1}:{mark.column + 1}: {error.problem}"
    if isinstance(error, MissingConfigException):
        return missing_config(error)
    if isinstance(error, OverrideParseException):
        return unreadable(error, arguments)
    if isinstance(error, ConfigCompositionException | OmegaConfBaseException):
        key = full_key(error) or full_key(cause)
        text = str(cause)
        if key and ("not in struct" in text or "Could not override" in str(error)):
            return unknown_key(key, composed(arguments))
        return f"{key}: {first_line(cause)}" if key else first_line(cause)
    if is_about_the_command(error):
        return first_line(error)
    return f"{type(error).__name__}: {first_line(error)}"


def missing_config(error: MissingConfigException) -> str:
    """Says which option a group does not have."""
    name = str(error.missing_cfg_file or "")
    group, _, option = name.rpartition("/")
    options = [str(o) for o in error.options or []]
    if not options:
        return f"no config '{name}'; {first_line(error)}"
    known = ", ".join(options)
    return (
        f"no config '{option}' in the group '{group}'; known: {known}"
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
    from mtl_cli.check import dotted_keys

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


def composed(arguments: list[str]) -> dict[Any, Any]:
    """Composes the configuration with the command line's groups alone.

    Its keys are the known ones: those of `model=mmoe` if that is what was asked for.
    """
    folders = [conf_folder(), user_conf_folder()]
    groups = [
        argument
        for argument in arguments
        if is_group(argument.partition("=")[0].lstrip("+"), folders)
        and "," not in argument
    ]
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(conf_folder()), version_base="1.3"):
            values = OmegaConf.to_container(compose("config", groups))
    except Exception:
        with initialize_config_dir(str(conf_folder()), version_base="1.3"):
            values = OmegaConf.to_container(compose("config"))
    return values if isinstance(values, dict) else {}


def is_group(name: str, folders: list[Path | None]) -> bool:
    """Whether a word names a config group."""
    return bool(name) and any(f is not None and (f / name).is_dir() for f in folders)
