"""Explains in one line what pydantic finds wrong with a configuration.

Pydantic reports a list of findings. Each finding has a type, such as "missing", and a
location, such as ("trainer", "epochs").
"""

import json
import math
import re
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from mtl_cli.config.groups import GROUPS_OF_CLASSES, KINDS
from mtl_cli.config.known_keys import chosen_class
from mtl_cli.config.unknown_keys import unknown_key_message
from mtl_cli.core.message_text import SHOWN_CHARACTERS, cut, shown
from mtl_cli.core.option_classes import option_class
from mtl_cli.core.paths import short_path
from mtl_cli.core.plugins import conf_folders
from mtl_cli.core.secrets import mask_secrets
from mtl_cli.data.dataset import RULES_OF_PATTERNS

Values = dict[Any, Any]  # a configuration, or one of its sections

# The types of the errors that validators of mtl-cli raise about a whole section. Their
# messages begin with a key of the section, such as "freeze: ...".
SECTION_ERRORS = ("value_error", "unknown_name")


def explain(error: ValidationError, values: Values) -> str:
    """Explains the first finding in one line.

    If the first finding is about a missing key, the line names all missing keys.

    Args:
        error: pydantic's error.
        values: the values that pydantic has validated.
    """
    findings = error.errors(include_url=False)
    first = findings[0]
    finding_type = first["type"]
    same_type = [f for f in findings if f["type"] == finding_type]
    key, value = locate(first["loc"], values)
    if finding_type == "extra_forbidden":
        unknown_keys = {located_key(finding, values) for finding in same_type}
        return unknown_key_message(key, without_keys(values, unknown_keys))
    if finding_type == "missing":
        return missing_keys_message(same_type, values)
    if finding_type in SECTION_ERRORS and isinstance(value, dict):
        # "freeze: ..." becomes "start_from.freeze: ..."; the key of the whole
        # configuration is "".
        return f"{key}.{rule_text(first)}".removeprefix(".")
    # If a key allows several types, pydantic reports one finding for each type.
    findings_of_key = [f for f in findings if located_key(f, values) == key]
    rule = " or ".join(dict.fromkeys(map(rule_text, findings_of_key)))
    if first["loc"][-1:] == ("[key]",):  # the finding is about the name of the key
        advice = "; quote it" if finding_type == "string_type" else ""
        return f"{key}: the name {first['loc'][-2]!r} {rule}{advice}"
    advice = advice_on_value(value, [f["type"] for f in findings_of_key])
    return f"{key}: {shown_value(value)} {rule}{advice}"


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


def located_key(finding: ErrorDetails, values: Values) -> str:
    """Returns the dotted key that a finding is about, see `locate`."""
    return locate(finding["loc"], values)[0]


def without_keys(values: Any, dotted_keys: set[str], prefix: str = "") -> Any:
    """Returns a section of the configuration without some of its keys.

    `prefix` is the dotted key of the section with a point, such as "trainer.".
    """
    if not isinstance(values, dict):
        return values
    return {
        key: without_keys(value, dotted_keys, f"{prefix}{key}.")
        for key, value in values.items()
        if f"{prefix}{key}" not in dotted_keys
    }


def rule_text(finding: ErrorDetails) -> str:
    """Returns the rule that a value breaks, such as "should be a valid integer"."""
    if finding["type"] in ("dict_type", "model_type"):
        return "should be a mapping, as in {key: value}"
    if finding["type"] == "string_pattern_mismatch":
        pattern = finding["ctx"]["pattern"]
        if pattern in RULES_OF_PATTERNS:
            return RULES_OF_PATTERNS[pattern]
    if finding["type"] == "value_error":
        return str(finding["ctx"]["error"])
    # "List should have at least 1 item after validation, not 0" and "Input should be a
    # valid integer" are texts of pydantic.
    rule = re.sub(r"^\w+ (?=should )", "", finding["msg"])
    return rule.split(" after validation")[0]


def advice_on_value(value: Any, finding_types: list[str]) -> str:
    """Returns what the user can do about a wrong value, for the end of a message.

    Args:
        value: the value.
        finding_types: the types of the findings about the value, such as "string_type".

    Returns: a text such as "; quote it"; "" if no advice fits.
    """
    if isinstance(value, bool):
        if "string_type" in finding_types:
            return "; YAML reads yes, no, on and off as true and false: quote the word"
    elif isinstance(value, int | float) and set(finding_types) == {"string_type"}:
        return "; quote it"
    if finding_types[0] == "list_type" and value is not None:
        if isinstance(value, str) and value.startswith("["):
            return "; remove the quotes"
        as_list = yaml.safe_dump([value], default_flow_style=True, width=math.inf)
        if mask_secrets(value) == value and len(as_list) <= SHOWN_CHARACTERS:
            return f"; write {as_list.rstrip()}"
    return ""


def shown_value(value: Any) -> str:
    """Returns a value as a message shows it: without secrets, and cut if it is long."""
    if isinstance(value, str):
        return shown(value)
    # Secrets must be masked before the cut. Otherwise half of a secret could remain.
    as_json = json.dumps(mask_secrets(value), default=repr)
    return cut(as_json, SHOWN_CHARACTERS)


def missing_keys_message(findings: list[ErrorDetails], values: Values) -> str:
    """Returns a message that names all missing keys, and says how to set them."""
    # `located_key` returns the section that lacks the key, "" for a key outside of all
    # sections.
    missing_keys = [
        f"{located_key(finding, values)}.{finding['loc'][-1]}".removeprefix(".")
        for finding in findings
    ]
    names = ", ".join(f"'{key}'" for key in missing_keys)
    sections = {key.partition(".")[0] for key in missing_keys}
    if len(sections) > 1:
        return f"missing keys {names}; add them to their YAML files"
    file = plugin_file(sections.pop(), values) or "the YAML file"
    other_way = other_way_to_set(missing_keys[0], values)
    if len(missing_keys) > 1:
        return f"missing keys {names}; add them to {file}{other_way}"
    example = example_text(findings[0])
    return f"missing key {names}; add it to {file}{example}{other_way}"


def other_way_to_set(key: str, values: Values) -> str:
    """Returns how the command line can set a missing key, such as `, or choose ...`.

    Returns "" if only a YAML file can set the key.
    """
    section, _, name = key.partition(".")
    cls = chosen_class(section, values)
    if section not in GROUPS_OF_CLASSES or cls is None:
        return ""
    # The class of a model lacks the keys of the chosen heads, gates or towers. If these
    # are of a plugin, no YAML file sets their keys.
    if name not in cls.model_fields:
        return f", or write +{key}=VALUE"
    # `optimizer.name=sgd` sets only the name. `optimizer=sgd` also brings the keys of
    # SGD from its YAML file.
    option = values[section].get("name")
    if option and plugin_file(section, values) is None:
        return f", or choose {section}={option}"
    return ""


def plugin_file(section: str, values: Values) -> Path | None:
    """Returns the YAML file of the option that a section chooses, if it is a plugin's.

    Returns None if the option is not of a plugin, or has no file.
    """
    keys = values.get(section)
    if section not in GROUPS_OF_CLASSES or not isinstance(keys, dict):
        return None
    files = (folder / section / f"{keys.get('name')}.yaml" for folder in conf_folders())
    return next((short_path(file) for file in files if file.is_file()), None)


def example_text(finding: ErrorDetails) -> str:
    """Returns `, such as num_buckets: 16` for a missing key of a feature or task.

    Returns "" if the class of the kind has no example of the key's value.
    """
    match finding["loc"], finding["input"]:  # ("dataset", "features", "age", KEY)
        case (_, str(axis), _, str(key)), {"kind": str(kind)} if axis in KINDS:
            field = option_class(axis, kind, KINDS[axis]).model_fields[key]
            if field.examples:
                return f", such as {key}: {field.examples[0]}"
    return ""
