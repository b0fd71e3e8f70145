"""Explains unknown keys of a configuration, and suggests similar known keys."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any


def unknown_key_message(key: str, values: dict[Any, Any]) -> str:
    """Returns a message about an unknown key. The message suggests a similar key.

    Args:
        key: the unknown key, dotted.
        values: the configuration, with the unknown key.
    """
    section, _, name = key.rpartition(".")
    siblings = known_siblings(key, values)
    similar_names = (
        get_close_matches(name, keys_of_chosen_option(section, values), 3, cutoff=0.7)
        or get_close_matches(name, siblings, 1, cutoff=0.7)
        or abbreviated(name, siblings)
    )
    similar_keys = [f"{section}.{similar}".lstrip(".") for similar in similar_names]
    known_keys = [k for k in dotted_keys(values) if k != key]
    if not similar_keys and section not in known_keys:
        similar_keys = similar_keys_anywhere(key, known_keys)
    owners = ", ".join(other_options_with_key(section, name, values))
    owner_note = f"{name} is a key of {section}={owners}" if owners else ""
    if similar_keys:
        suggestion = f"did you mean {' or '.join(similar_keys)}?"
        return f"unknown key '{key}'; {suggestion} {owner_note}".rstrip()
    message = f"unknown key '{key}'; known there: {', '.join(siblings)}"
    return f"{message}; {owner_note}" if owner_note else message


def similar_keys_anywhere(key: str, known_keys: list[str]) -> list[str]:
    """Returns known keys of all sections that resemble a key, or its last part."""
    name = key.rpartition(".")[2]
    # If several keys have the same last part, the dict keeps the first of them.
    by_name = {k.rpartition(".")[2]: k for k in reversed(known_keys)}
    similar_names = get_close_matches(name, by_name, 1, cutoff=0.8)
    similar_names = similar_names or abbreviated(name, by_name)
    similar_keys = get_close_matches(key, known_keys, 1, cutoff=0.8)
    return similar_keys + [by_name[similar] for similar in similar_names]


def abbreviated(initials: str, names: Iterable[str]) -> list[str]:
    """Returns the names whose words begin with these letters.

    >>> abbreviated("lr", ["learning_rate", "lazy"])
    ['learning_rate']
    """
    return [
        name
        for name in names
        if "_" in name and "".join(word[:1] for word in name.split("_")) == initials
    ]


def keys_of_chosen_option(group: str, values: dict[Any, Any]) -> list[str]:
    """Returns the keys that only the chosen option of a config group declares.

    Args:
        group: a section of the configuration. Only a config group such as `model` has
            options.
        values: the configuration.
    """
    from mtl_cli.config.json_schema import AXES, option_classes

    section = values.get(group)
    if group not in AXES or not isinstance(section, dict):
        return []
    _, base = AXES[group]
    chosen = option_classes(group).get(str(section.get("name")), base)
    return [key for key in chosen.model_fields if key not in base.model_fields]


def other_options_with_key(group: str, key: str, values: dict[Any, Any]) -> list[str]:
    """Returns the options of a config group that declare a key.

    Args:
        group: see `keys_of_chosen_option`.
        key: a key that the chosen option does not have.
        values: the configuration.
    """
    from mtl_cli.config.json_schema import AXES, option_classes

    if group not in AXES or not isinstance(values.get(group), dict):
        return []
    classes = option_classes(group).items()
    return [name for name, option in classes if key in option.model_fields]


def known_siblings(key: str, values: dict[Any, Any]) -> list[str]:
    """Returns the known keys in the innermost existing section of a dotted key.

    For a data set, the schema names the keys, because most of them can be left out of
    the configuration.
    """
    *sections, name = key.split(".")
    declared: list[str] = []
    if sections[:1] == ["dataset"] and isinstance(values.get("dataset"), dict):
        declared = keys_of_dataset(sections[1:], values["dataset"])
    for section in sections:
        inner = values.get(section)
        if not isinstance(inner, dict):
            break
        values = inner
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
