"""Checks a composed configuration before a run reads data or loads TensorFlow."""

import json
from difflib import get_close_matches
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException
from pydantic import ValidationError

from mtl_cli.config.run_config import Config
from mtl_cli.core.errors import (
    SHOWN_CHARACTERS,
    ConfigError,
    first_line,
    shown,
    suggest,
)


def check(composed: DictConfig) -> Config:
    """Returns the checked configuration.

    Args:
        composed: the configuration that Hydra has composed.

    Raises:
        ConfigError: if a key is wrong; the message names its value and the rule.
    """
    try:
        values: Any = OmegaConf.to_container(
            composed, resolve=True, throw_on_missing=True
        )
    except MissingMandatoryValue as error:
        raise ConfigError(f"{error.full_key}: has no value yet; give it one") from None
    except OmegaConfBaseException as error:
        raise ConfigError(f"{error.full_key}: {first_line(error)}") from None
    try:
        config = Config.model_validate(values)
    except ValidationError as error:
        raise ConfigError(explain(error, values)) from None
    config.tracker.check_installed()
    return config


def explain(error: ValidationError, values: dict[Any, Any]) -> str:
    """Returns one line that says what is wrong with a configuration.

    Args:
        error: the findings of pydantic. The line is about the key of the first finding;
            if that key is missing, the line names all missing keys.
        values: the configuration that was validated.
    """
    findings = error.errors(include_url=False)
    first = findings[0]
    key, value = locate(first["loc"], values)
    if first["type"] == "extra_forbidden":
        return unknown_key(key, values)
    if first["type"] == "missing":
        locations = [f["loc"] for f in findings if f["type"] == "missing"]
        missing = [f"{locate(place, values)[0]}.{place[-1]}" for place in locations]
        keys = ", ".join(f"'{dotted.removeprefix('.')}'" for dotted in missing)
        plural, them = ("s", "them") if len(missing) > 1 else ("", "it")
        return f"missing key{plural} {keys}; add {them} to the YAML file"
    of_same_key = [f for f in findings if locate(f["loc"], values)[0] == key]
    message = " or ".join(dict.fromkeys(rule(f) for f in of_same_key))
    if isinstance(value, dict):
        # The message of a rule for several keys begins with the key to change.
        return f"{key}.{message}".removeprefix(".")
    if first["loc"][-1:] == ("[key]",):
        return f"{key}: the name {first['loc'][-2]!r} {message}; quote it"
    if isinstance(value, bool) and "string" in message:
        message += "; YAML reads yes, no, on and off as true and false: quote the word"
    needs_list = first["type"] == "list_type" and value is not None
    hint = f"; write [{value}]" if needs_list else ""
    return f"{key}: {as_yaml(value)} {message}{hint}"


def as_yaml(value: Any) -> str:
    """Returns a value as YAML writes it, on one line, cut if it is long."""
    if isinstance(value, str):
        return shown(value)
    text = json.dumps(value, default=repr)
    is_long = len(text) > SHOWN_CHARACTERS
    return text[:SHOWN_CHARACTERS] + "..." if is_long else text


def rule(finding: Any) -> str:
    """Returns the rule that was broken, from a finding of pydantic."""
    if finding["type"] == "union_tag_invalid":
        context = finding["ctx"]
        key, tag = context["discriminator"].strip("'"), context["tag"]
        known = context["expected_tags"].replace("'", "")
        hint = suggest(tag, known.split(", "))
        return f"{key}: {as_yaml(tag)} is not one of: {known}{hint}"
    message = str(finding["msg"])
    for prefix in ("Value error, ", "Input ", "List ", "String "):
        message = message.removeprefix(prefix)
    return message.split(" after validation")[0]


def locate(location: tuple[int | str, ...], values: Any) -> tuple[str, Any]:
    """Returns the dotted key and the value at a finding's location.

    Some parts of a location name a branch of the schema instead of a key; the dotted
    key leaves them out.
    """
    key = []
    for part in location:
        is_key = isinstance(values, dict) and part in values
        if is_key or (isinstance(values, list) and isinstance(part, int)):
            values = values[part]
            key.append(str(part))
    return ".".join(key), values


def unknown_key(key: str, values: Any) -> str:
    """Returns a message about an unknown key, which suggests a similar known key.

    Args:
        key: the unknown key, dotted.
        values: a configuration that holds the known keys.
    """
    parent, _, leaf = key.rpartition(".")
    siblings = known_siblings(key, values)
    similar = [
        f"{parent}.{sibling}".lstrip(".")
        for sibling in get_close_matches(leaf, siblings, n=1, cutoff=0.7)
    ]
    known = [k for k in dotted_keys(values) if k != key]
    if not similar and parent not in known:
        by_leaf = {k.rpartition(".")[2]: k for k in reversed(known)}
        leaves = get_close_matches(leaf, by_leaf, n=1, cutoff=0.8)
        similar = get_close_matches(key, known, n=1, cutoff=0.8)
        similar += [by_leaf[leaf] for leaf in leaves]
    if similar:
        return f"unknown key '{key}'; did you mean {similar[0]}?"
    return f"unknown key '{key}'; known there: {', '.join(siblings)}"


def known_siblings(key: str, values: Any) -> list[str]:
    """Returns the known keys in the innermost section of `key` that exists."""
    *sections, leaf = key.split(".")
    for section in sections:
        if not isinstance(values, dict) or not isinstance(values.get(section), dict):
            break
        values = values[section]
    return [str(k) for k in values if k != leaf]


def dotted_keys(values: Any, prefix: str = "") -> list[str]:
    """Returns all keys of nested dicts in order; `a` comes before `a.b`."""
    keys = []
    if isinstance(values, dict):
        for key, value in values.items():
            keys.append(f"{prefix}{key}")
            keys += dotted_keys(value, f"{prefix}{key}.")
    return keys
