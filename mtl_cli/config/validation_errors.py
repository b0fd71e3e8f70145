"""Explains in one line what pydantic finds wrong with a configuration.

Pydantic reports a list of findings. Each finding has a type, such as "missing", and a
location, such as ("trainer", "epochs").
"""

import json
import re
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from mtl_cli.config.groups import GROUPS_OF_CLASSES
from mtl_cli.config.unknown_keys import chosen_class, unknown_key_message
from mtl_cli.core.message_text import SHOWN_CHARACTERS, cut, shown
from mtl_cli.core.secrets import mask_secrets
from mtl_cli.data.dataset import RULES_OF_PATTERNS

Values = dict[Any, Any]  # a configuration, or one of its sections

# The types of the errors that validators of mtl-cli raise about a whole section. Their
# messages begin with a key of the section, such as "freeze: ...".
SECTION_ERRORS = ("value_error", "unknown_name")
# The types of the errors about a key of a plugin whose type takes no value of YAML. The
# last one is about enums and paths, for instance.
NO_YAML_TYPES = ("tuple_type", "set_type", "date_type", "bytes_type", "is_instance_of")
# The types of the errors that pydantic raises about a value that is no mapping.
MAPPING_ERRORS = ("dict_type", "model_type")


def explain(error: ValidationError, values: Values) -> str:
    """Explains the first finding about the validated `values` in one line.

    If the first finding is about a missing key, the line names all missing keys.
    """
    findings = error.errors(include_url=False)
    first = findings[0]
    key, value = locate(first["loc"], values)
    if first["type"] == "extra_forbidden":
        return unknown_key_message(key, values)
    if first["type"] == "missing":
        return missing_keys_message(findings, values)
    if first["type"] in SECTION_ERRORS and isinstance(value, dict):
        # "freeze: ..." becomes "start_from.freeze: ..."; the key of the whole
        # configuration is "".
        return f"{key}.{rule_text(first)}".removeprefix(".")
    # If a key allows several types, pydantic reports one finding for each type.
    findings_of_key = [f for f in findings if locate(f["loc"], values)[0] == key]
    rule = " or ".join(dict.fromkeys(map(rule_text, findings_of_key)))
    if rule.startswith("should be "):
        rule = rule.replace(" or should be ", " or ")
    text = f"{key}: {shown_value(value)} {rule}"
    if " {" in key and first["type"] in MAPPING_ERRORS:
        return f"{text}; write a colon before the '{{' of its name"
    if first["loc"][-1:] == ("[key]",):  # the finding is about the name of the key
        value = first["loc"][-2]
        text = f"{key}: the name {value!r} {rule}"
    if first["type"] in NO_YAML_TYPES:
        types = "a number, a boolean, a text, a list or a dict"
        return f"{text}; YAML holds no such value, so annotate the key as {types}"
    if isinstance(value, str | int | float) and first["type"] == "list_type":
        items = str(value).strip("[]")
        return f"{text}; write {mask_secrets(f'[{items}]')}"
    if isinstance(value, int | float) and first["type"] == "string_type":
        why = ", as YAML reads yes and no as true and false"
        return f"{text}; quote it{why if isinstance(value, bool) else ''}"
    return text


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
    if finding["type"] in MAPPING_ERRORS:
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


def shown_value(value: Any) -> str:
    """Returns a value as YAML has it: without secrets, and cut if it is long."""
    if isinstance(value, str):
        return shown(value)
    # Secrets must be masked before the cut. Otherwise half of a secret could remain.
    as_json = json.dumps(mask_secrets(value), default=repr)
    return cut(as_json, SHOWN_CHARACTERS)


def missing_keys_message(findings: list[ErrorDetails], values: Values) -> str:
    """Returns a message that names all missing keys, and says how to set them."""
    # `locate` returns the section that lacks the key, "" for the whole configuration.
    keys = [
        f"{locate(finding['loc'], values)[0]}.{finding['loc'][-1]}".removeprefix(".")
        for finding in findings
        if finding["type"] == "missing"
    ]
    section, _, name = keys[0].partition(".")
    fix = "add it to the YAML file" if len(keys) == 1 else "add them to the YAML file"
    cls = chosen_class(section, values) if section in GROUPS_OF_CLASSES else None
    # The class of a model lacks the keys of its heads, gates and towers.
    if cls is not None and name in cls.model_fields:
        # `model.name=mmoe` sets only the name; `model=mmoe` also brings MMoE's keys.
        fix += f", choose {section}={values[section].get('name')}"
    if len(keys) == 1:
        return f"missing key '{keys[0]}'; {fix}, or write +{keys[0]}=VALUE"
    names = ", ".join(f"'{key}'" for key in keys)
    return f"missing keys {names}; {fix}, or write +KEY=VALUE"
