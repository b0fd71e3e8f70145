"""Checks a composed configuration before a run reads data or loads TensorFlow."""

import json
from difflib import get_close_matches
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from mtl_cli.config.run_config import Config
from mtl_cli.core.errors import SHOWN_CHARACTERS, ConfigError, cut, first_line, shown
from mtl_cli.core.time_limit import limited_reading


def check(composed: DictConfig) -> Config:
    """Validates a configuration, and returns it as an object of the schema.

    Args:
        composed: the configuration that Hydra has composed.

    Raises:
        ConfigError: if a key is wrong. The message names the key, its value, and the
            rule that the value breaks.
    """
    try:
        with limited_reading():
            values: Any = OmegaConf.to_container(
                composed, resolve=True, throw_on_missing=True
            )
    except MissingMandatoryValue as error:
        raise ConfigError(f"{error.full_key} has no value yet; give it one") from None
    except OmegaConfBaseException as error:
        raise ConfigError(f"{error.full_key}: {first_line(error)}") from None
    try:
        config = Config.model_validate(values)
    except ValidationError as error:
        raise ConfigError(explain(error, values)) from None
    if config.ensemble:
        raise ConfigError(
            "ensemble: an ensemble is not trained; train its runs with -m seed=1,2,3, "
            "and average them with mtl-compare SWEEP --ensemble"
        )
    config.tracker.check_installed()
    config.tracker.check_secrets()
    return config


def explain(error: ValidationError, values: dict[Any, Any]) -> str:
    """Explains in one line what is wrong with a configuration.

    The line is about the key of pydantic's first finding. If this key is missing, the
    line names all missing keys.

    Args:
        error: the findings of pydantic.
        values: the configuration that was validated.
    """
    findings = error.errors(include_url=False)
    first = findings[0]
    key, value = locate(first["loc"], values)
    if first["type"] == "extra_forbidden":
        return unknown_key_message(key, values)
    if first["type"] == "missing":
        return missing_keys_message(findings, values)
    findings_of_key = [f for f in findings if locate(f["loc"], values)[0] == key]
    # A key that allows several types has one finding per type.
    message = " or ".join(dict.fromkeys(broken_rule(f) for f in findings_of_key))
    if first["loc"][-1:] == ("[key]",):  # the finding is about the name of a key
        advice = "; quote it" if "valid string" in message else ""
        return f"{key}: the name {first['loc'][-2]!r} {message}{advice}"
    if isinstance(value, dict) and not message.startswith("should "):
        # The message of our own rules for a section begins with a key of the section.
        return f"{key}.{message}".removeprefix(".")
    if isinstance(value, bool) and "string" in message:
        message += "; YAML reads yes, no, on and off as true and false: quote the word"
    if first["type"] == "list_type" and value is not None:
        message += f"; write [{value}]"
    names_table = key in ("dataset.train", "dataset.valid", "dataset.test")
    if names_table and isinstance(value, list):
        message += "; a folder or a pattern names several files: 'logs/*.parquet'"
    return f"{key}: {as_yaml(value)} {message}"


def locate(location: tuple[int | str, ...], values: Any) -> tuple[str, Any]:
    """Returns the dotted key and the value at a finding's location.

    Pydantic also puts branches of the schema, such as types, into a location. The
    dotted key leaves them out.
    """
    keys = []
    for item in location:
        is_key = isinstance(values, dict) and item in values
        if is_key or (isinstance(values, list) and isinstance(item, int)):
            values = values[item]
            keys.append(str(item))
    return ".".join(keys), values


def missing_keys_message(findings: list[ErrorDetails], values: dict[Any, Any]) -> str:
    """Returns a message that names all missing keys."""
    locations = [f["loc"] for f in findings if f["type"] == "missing"]
    missing_keys = [
        f"{locate(location, values)[0]}.{location[-1]}".removeprefix(".")
        for location in locations
    ]
    names = ", ".join(f"'{key}'" for key in missing_keys)
    plural, them = ("s", "them") if len(missing_keys) > 1 else ("", "it")
    return f"missing key{plural} {names}; add {them} to the YAML file"


def unknown_key_message(key: str, values: dict[Any, Any]) -> str:
    """Returns a message about an unknown key. The message suggests a similar key.

    Args:
        key: the unknown key, dotted.
        values: the configuration with the unknown key and all known keys.
    """
    parent, _, name = key.rpartition(".")
    siblings = known_siblings(key, values)
    own_keys, others = keys_of_option(parent, name, values)
    similar_names = get_close_matches(name, own_keys, n=3, cutoff=0.7)
    similar_names = similar_names or get_close_matches(name, siblings, 1, cutoff=0.7)
    similar_keys = [f"{parent}.{similar}".lstrip(".") for similar in similar_names]
    known_keys = [k for k in dotted_keys(values) if k != key]
    if not similar_keys and parent not in known_keys:
        keys_by_name = {k.rpartition(".")[2]: k for k in reversed(known_keys)}
        similar_keys = get_close_matches(key, known_keys, n=1, cutoff=0.8)
        similar_keys += [
            keys_by_name[similar_name]
            for similar_name in get_close_matches(name, keys_by_name, n=1, cutoff=0.8)
        ]
    owners = f" {name} is a key of {parent}={', '.join(others)}" if others else ""
    if similar_keys:
        similar_key = " or ".join(similar_keys)
        return f"unknown key '{key}'; did you mean {similar_key}?{owners}"
    owners = owners and f";{owners}"
    return f"unknown key '{key}'; known there: {', '.join(siblings)}{owners}"


def keys_of_option(
    group: str, key: str, values: dict[Any, Any]
) -> tuple[list[str], list[str]]:
    """Returns the keys that only the chosen option of a config group declares.

    Args:
        group: a config group such as `model`. Other sections have no options.
        key: a key that the chosen option does not have.
        values: the configuration.

    Returns: the names of the keys, and the names of the other options that have `key`.
    """
    from mtl_cli.config.json_schema import AXES, option_classes

    section = values.get(group)
    if group not in AXES or not isinstance(section, dict):
        return [], []
    _, base = AXES[group]
    classes = option_classes(group)
    chosen = classes.get(str(section.get("name")), base)
    own_keys = [k for k in chosen.model_fields if k not in base.model_fields]
    return own_keys, [name for name, c in classes.items() if key in c.model_fields]


def known_siblings(key: str, values: Any) -> list[str]:
    """Returns the known keys in the innermost existing section of a dotted key.

    Most keys of a data set can be left out, so `values` may not contain them. The
    schema names them.
    """
    *sections, name = key.split(".")
    declared: list[str] = []
    if sections[:1] == ["dataset"] and isinstance(values.get("dataset"), dict):
        declared = keys_of_dataset(sections[1:], values["dataset"])
    for section in sections:
        if not isinstance(values, dict) or not isinstance(values.get(section), dict):
            break
        values = values[section]
    present = [str(k) for k in values if k != name]
    return list(dict.fromkeys(present + declared))


def keys_of_dataset(sections: list[str], dataset: dict[Any, Any]) -> list[str]:
    """Returns the keys that the schema declares in a section of a data set.

    Args:
        sections: the keys that lead from the data set to the section, such as
            `["features", "age"]`.
        dataset: the configuration of the data set.
    """
    from mtl_cli.config.json_schema import KINDS, option_classes
    from mtl_cli.core.options import Options, option_class, option_names

    classes = option_classes("dataset")
    declaring: Any = classes.get(str(dataset.get("generator", "")), classes[""])
    match sections:
        case [axis, name] if axis in KINDS:
            entries = dataset.get(axis)
            entry = entries.get(name) if isinstance(entries, dict) else None
            kind = str(entry.get("kind")) if isinstance(entry, dict) else ""
            is_known = kind in option_names(axis)
            declaring = option_class(axis, kind, KINDS[axis]) if is_known else None
        case [section]:
            field = declaring.model_fields.get(section)
            declaring = field.annotation if field else None
        case [_, *_]:
            declaring = None
    is_section = isinstance(declaring, type) and issubclass(declaring, Options)
    return list(declaring.model_fields) if is_section else []


def dotted_keys(values: object, prefix: str = "") -> list[str]:
    """Returns all keys of nested dicts as dotted keys, `a` before `a.b`."""
    keys = []
    if isinstance(values, dict):
        for key, value in values.items():
            keys.append(f"{prefix}{key}")
            keys += dotted_keys(value, f"{prefix}{key}.")
    return keys


def broken_rule(finding: ErrorDetails) -> str:
    """Returns the rule that a value breaks, from a finding of pydantic."""
    if finding["type"] in ("dict_type", "model_type"):
        return "should be a mapping, as in {key: value}"
    # "Input should be a valid integer" becomes "should be a valid integer".
    message = finding["msg"]
    for prefix in ("Value error, ", "Input ", "List ", "String "):
        message = message.removeprefix(prefix)
    return message.split(" after validation")[0]


def as_yaml(value: object) -> str:
    """Returns a value as YAML on one line. A long value is cut."""
    if isinstance(value, str):
        return shown(value)
    return cut(json.dumps(value, default=repr), SHOWN_CHARACTERS)
