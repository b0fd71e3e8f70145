"""Checks a composed configuration before anything is read or imported for it."""

import json
from difflib import get_close_matches
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException
from pydantic import ValidationError

from mtl_cli.config.run_config import Config
from mtl_cli.core.errors import SHOWN_CHARACTERS, ConfigError, first_line, suggest
from mtl_cli.core.errors import shown as shown_in_python


def check(composed: DictConfig) -> Config:
    """Returns the checked configuration.

    Args:
        composed: what Hydra made of the YAML files and the command line.

    Raises:
        ConfigError: in one line: the key, what it was, what was expected.
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
    """Tells what is wrong with a configuration, in one line.

    Args:
        error: pydantic's findings; the first key's are told, of missing keys all.
        values: the configuration that was validated.
    """
    findings = error.errors(include_url=False)
    first = findings[0]
    key, value = locate(first["loc"], values)
    if first["type"] == "extra_forbidden":
        return unknown_key(key, values)
    if first["type"] == "missing":
        absent = [f["loc"] for f in findings if f["type"] == "missing"]
        keys = [f"{locate(loc, values)[0]}.{loc[-1]}" for loc in absent]
        named = ", ".join(f"'{missing.removeprefix('.')}'" for missing in keys)
        several, them = ("s", "them") if len(keys) > 1 else ("", "it")
        return f"missing key{several} {named}; add {them} to the YAML file"
    same = [f for f in findings if locate(f["loc"], values)[0] == key]
    message = " or ".join(dict.fromkeys(rule(f) for f in same))
    if isinstance(value, dict):
        # A rule that spans several keys begins with the one to mend.
        return f"{key}.{message}".removeprefix(".")
    if first["loc"][-1:] == ("[key]",):
        return f"{key}: the name {first['loc'][-2]!r} {message}; quote it"
    if isinstance(value, bool) and "string" in message:
        message += "; YAML reads yes, no, on and off as true and false: quote the word"
    wanted_list = first["type"] == "list_type" and value is not None
    hint = f"; write [{value}]" if wanted_list else ""
    return f"{key}: {shown(value)} {message}{hint}"


def shown(value: Any) -> str:
    """Returns a value as YAML would have it, on one line, cut where it is long."""
    if isinstance(value, str):
        return shown_in_python(value)
    text = json.dumps(value, default=repr)
    long = len(text) > SHOWN_CHARACTERS
    return text[:SHOWN_CHARACTERS] + "..." if long else text


def rule(finding: Any) -> str:
    """Returns the rule that a finding says was broken."""
    if finding["type"] == "union_tag_invalid":
        context = finding["ctx"]
        key, tag = context["discriminator"].strip("'"), context["tag"]
        known = context["expected_tags"].replace("'", "")
        near = suggest(tag, known.split(", "))
        return f"{key}: {shown(tag)} is not one of: {known}{near}"
    message = str(finding["msg"])
    for opening in ("Value error, ", "Input ", "List ", "String "):
        message = message.removeprefix(opening)
    return message.split(" after validation")[0]


def locate(loc: tuple[int | str, ...], values: Any) -> tuple[str, Any]:
    """Returns the dotted key and the value at a finding's location.

    Parts of the location that name a branch of the schema, not a key, are left out.
    """
    key = []
    for part in loc:
        inside = isinstance(values, dict) and part in values
        if inside or (isinstance(values, list) and isinstance(part, int)):
            values = values[part]
            key.append(str(part))
    return ".".join(key), values


def unknown_key(key: str, values: Any) -> str:
    """Says that a key is unknown, and which known one may have been meant.

    Args:
        key: the dotted key.
        values: a configuration that holds the known keys.
    """
    parent, _, leaf = key.rpartition(".")
    beside = known_beside(key, values)
    near = [
        f"{parent}.{k}".lstrip(".")
        for k in get_close_matches(leaf, beside, n=1, cutoff=0.7)
    ]
    known = [k for k in dotted_keys(values) if k != key]
    if not near and parent not in known:
        leaves = {k.rpartition(".")[2]: k for k in reversed(known)}
        matches = get_close_matches(leaf, leaves, n=1, cutoff=0.8)
        near = get_close_matches(key, known, n=1, cutoff=0.8)
        near = near or [leaves[match] for match in matches]
    if near:
        return f"unknown key '{key}'; did you mean {near[0]}?"
    return f"unknown key '{key}'; known there: {', '.join(beside)}"


def known_beside(key: str, values: Any) -> list[str]:
    """Returns the known keys of the nearest known part that `key` lies in."""
    *parents, leaf = key.split(".")
    for parent in parents:
        if not isinstance(values, dict) or not isinstance(values.get(parent), dict):
            break
        values = values[parent]
    return [str(k) for k in values if k != leaf]


def dotted_keys(values: Any, prefix: str = "") -> list[str]:
    """Returns all keys of nested dicts, `a` and `a.b`, in order."""
    keys = []
    if isinstance(values, dict):
        for key, value in values.items():
            keys.append(f"{prefix}{key}")
            keys += dotted_keys(value, f"{prefix}{key}.")
    return keys
