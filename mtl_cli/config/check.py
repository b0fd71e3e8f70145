"""Checks a composed configuration before a run reads data or loads TensorFlow."""

import json
import math
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from mtl_cli.config.groups import GROUPS_OF_CLASSES, KINDS
from mtl_cli.config.known_keys import chosen_class
from mtl_cli.config.run_config import Config
from mtl_cli.config.unknown_keys import unknown_key_message
from mtl_cli.core.errors import ConfigError, first_line
from mtl_cli.core.message_text import SHOWN_CHARACTERS, cut, shown
from mtl_cli.core.option_classes import option_class
from mtl_cli.core.paths import shortest
from mtl_cli.core.plugins import conf_folders
from mtl_cli.core.secrets import mask_secrets
from mtl_cli.core.yaml_limits import limited_reading
from mtl_cli.data.dataset import RULES_OF_PATTERNS


class UnresolvedError(ConfigError):
    """An interpolation of the configuration cannot be resolved."""


def check(composed: DictConfig) -> Config:
    """Validates a configuration, and returns it as a `Config`.

    Raises:
        ConfigError: if a key is wrong, if the tracker's package is missing, or if the
            tracker would store a secret. The message about a key names the key, its
            value, and the rule that the value breaks. The error is an `UnresolvedError`
            if an interpolation cannot be resolved.
    """
    try:
        with limited_reading():
            values: Any = OmegaConf.to_container(
                composed, resolve=True, throw_on_missing=True
            )
    except MissingMandatoryValue as error:
        raise ConfigError(
            f"{error.full_key}: the value is missing; set {error.full_key}=VALUE"
        ) from None
    except OmegaConfBaseException as error:
        raise UnresolvedError(f"{error.full_key}: {first_line(error)}") from None
    try:
        config = Config.model_validate(values)
    except ValidationError as error:
        raise ConfigError(explain(error, values)) from None
    if config.ensemble:
        raise ConfigError(
            "ensemble: an ensemble is not trained; train single runs with "
            "-m seed=1,2,3, and average the runs with mtl-compare SWEEP --ensemble"
        )
    config.tracker.check_installed()
    config.tracker.check_secrets()
    return config


def explain(error: ValidationError, values: dict[Any, Any]) -> str:
    """Explains in one line what is wrong with a configuration.

    The line is about the key of pydantic's first finding. If this key is missing, the
    line names all missing keys.
    """
    findings = error.errors(include_url=False)
    first = findings[0]
    key, value = locate(first["loc"], values)
    if first["type"] == "extra_forbidden":
        return unknown_key_message(key, values)
    if first["type"] == "missing":
        return missing_keys_message(findings, values)
    findings_of_key = [f for f in findings if locate(f["loc"], values)[0] == key]
    # Pydantic reports one finding per type if a key allows several types.
    rule = " or ".join(dict.fromkeys(rule_text(f) for f in findings_of_key))
    if first["loc"][-1:] == ("[key]",):  # the finding is about the name of a key
        advice = "; quote it" if "valid string" in rule else ""
        return f"{key}: the name {first['loc'][-2]!r} {rule}{advice}"
    if isinstance(value, dict) and not rule.startswith("should "):
        # Pydantic's rules begin with "should". Any other message about a section is
        # from mtl-cli, and begins with a key of the section, such as "freeze: ...". The
        # key of the section is put in front: "start_from.freeze: ...".
        return f"{key}.{rule}".removeprefix(".")
    advice = advice_on_value(first, value, rule)
    return f"{key}: {shown_value(value)} {rule}{advice}"


def advice_on_value(finding: ErrorDetails, value: Any, rule: str) -> str:
    """Returns what the user can do about a wrong value, for the end of a message.

    Args:
        finding: pydantic's first finding about the value.
        value: the value.
        rule: the rule that the value breaks, see `rule_text`.

    Returns: a text such as "; quote it"; "" if no advice fits.
    """
    advice = ""
    if isinstance(value, bool) and "string" in rule:
        advice += "; YAML reads yes, no, on and off as true and false: quote the word"
    if type(value) in (int, float) and rule == "should be a valid string":
        advice += "; quote it"
    if finding["type"] == "list_type" and value is not None:
        masked = mask_secrets(value)
        as_list = yaml.safe_dump([masked], default_flow_style=True, width=math.inf)
        if isinstance(value, str) and value.startswith("["):
            advice += "; remove the quotes"
        elif masked == value and len(as_list) <= SHOWN_CHARACTERS:
            advice += f"; write {as_list.rstrip()}"
    return advice


def shown_value(value: Any) -> str:
    """Returns a value as a message shows it: without secrets, and cut if it is long."""
    if isinstance(value, str):
        return shown(value)
    # Secrets must be masked before the cut. Otherwise half of a secret could remain.
    as_json = json.dumps(mask_secrets(value), default=repr)
    return cut(as_json, SHOWN_CHARACTERS)


def missing_keys_message(findings: list[ErrorDetails], values: dict[Any, Any]) -> str:
    """Returns a message that names all missing keys, and how to set the first."""
    findings = [finding for finding in findings if finding["type"] == "missing"]
    missing = [
        f"{locate(finding['loc'], values)[0]}.{finding['loc'][-1]}".removeprefix(".")
        for finding in findings
    ]
    plural, them = ("s", "them") if len(missing) > 1 else ("", "it")
    names = ", ".join(f"'{key}'" for key in missing)
    section, _, name = missing[0].partition(".")
    cls = chosen_class(section, values)
    file = plugin_file(section, values) or "the YAML file"
    message = f"missing key{plural} {names}; add {them} to {file}"
    if len(findings) == 1:
        message += example_text(findings[0])
    if section in GROUPS_OF_CLASSES and cls is not None:
        option = values[section].get("name")
        # A key of heads, gates or towers. No YAML file sets such keys of a plugin.
        if name not in cls.model_fields:
            message += f", or write +{missing[0]}=VALUE"
        # `optimizer.name=sgd` sets only the name. `optimizer=sgd` also brings the keys
        # of SGD.
        elif option and file == "the YAML file":
            message += f", or choose {section}={option}"
    return message


def plugin_file(section: str, values: dict[Any, Any]) -> Path | None:
    """Returns a plugin's YAML file of the option that a section chooses; else None."""
    keys = values.get(section)
    if section not in GROUPS_OF_CLASSES or not isinstance(keys, dict):
        return None
    files = (folder / section / f"{keys.get('name')}.yaml" for folder in conf_folders())
    return next((shortest(file) for file in files if file.is_file()), None)


def example_text(finding: ErrorDetails) -> str:
    """Returns `, such as num_buckets: 16` for a missing key of a feature or task.

    Returns "" if the class of the kind has no example of the key's value.
    """
    match finding["loc"], finding["input"]:
        case (_, str(axis), _, str(key)), {"kind": str(kind)} if axis in KINDS:
            field = option_class(axis, kind, KINDS[axis]).model_fields[key]
            if field.examples:
                return f", such as {key}: {field.examples[0]}"
    return ""


def locate(location: tuple[int | str, ...], values: Any) -> tuple[str, Any]:
    """Returns the dotted key and the value at a finding's location.

    Pydantic also puts branches of the schema, such as types, into a location. The
    dotted key leaves them out: ("trainer", "epochs", "literal['auto']") becomes
    `trainer.epochs`.
    """
    keys = []
    for item in location:
        is_key = isinstance(values, dict) and item in values
        if is_key or (isinstance(values, list) and isinstance(item, int)):
            values = values[item]
            keys.append(str(item))
    return ".".join(keys), values


def rule_text(finding: ErrorDetails) -> str:
    """Returns the rule that a value breaks, such as "should be a valid integer"."""
    if finding["type"] in ("dict_type", "model_type"):
        return "should be a mapping, as in {key: value}"
    if finding["type"] == "string_pattern_mismatch":
        pattern = finding["ctx"]["pattern"]
        if pattern in RULES_OF_PATTERNS:
            return RULES_OF_PATTERNS[pattern]
    message = finding["msg"]  # such as "Input should be a valid integer"
    for prefix in ("Value error, ", "Input ", "List ", "String "):
        message = message.removeprefix(prefix)
    return message.split(" after validation")[0]
