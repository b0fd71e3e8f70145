"""The keys that sections of a configuration and their options have."""

from typing import Any

from mtl_cli.config.groups import AXIS_OF_GROUP, KINDS, classes_of_group, option_key
from mtl_cli.core.option_classes import option_class, option_names
from mtl_cli.core.options import Options


def chosen_class(section: str, values: dict[Any, Any]) -> type[Options] | None:
    """Returns the class of the option that a section of the configuration chooses.

    If the section names no known option, the base class is returned. The result is None
    if the section is missing, or is not in `AXIS_OF_GROUP`.
    """
    keys = values.get(section)
    if section not in AXIS_OF_GROUP or not isinstance(keys, dict):
        return None
    _, base = AXIS_OF_GROUP[section]
    return classes_of_group(section).get(str(keys.get(option_key(section))), base)


def is_schema_key(key: str, values: dict[Any, Any]) -> bool:
    """Whether the schema has a dotted key, given the options of the configuration.

    Sections of a data set, such as its features, are not looked into.
    """
    section, _, name = key.rpartition(".")
    cls = chosen_class(section, values)
    # Unlike `model_fields`, the schema has the keys of heads, gates and towers too.
    return cls is not None and name in cls.model_json_schema()["properties"]


def own_keys(section: str, values: dict[Any, Any]) -> list[str]:
    """Returns the keys that the chosen option of a section adds to its base class."""
    cls = chosen_class(section, values)
    if cls is None:
        return []
    _, base = AXIS_OF_GROUP[section]
    return [key for key in cls.model_fields if key not in base.model_fields]


def options_with_key(group: str, key: str) -> list[str]:
    """Returns the names of the options of a config group that have a key."""
    classes = classes_of_group(group)
    return [name for name, cls in classes.items() if key in cls.model_fields]


def known_siblings(key: str, values: dict[Any, Any]) -> tuple[str, list[str]]:
    """Returns the known keys next to an unknown dotted key.

    Returns: the innermost section of the key that exists, "" for the whole
        configuration; and the known keys of this section. Keys that only the chosen
        option has come before the keys of its base class.
    """
    *sections, name = key.split(".")
    parents: list[str] = []
    siblings = values
    for section in sections:
        if not isinstance(siblings.get(section), dict):
            break
        siblings = siblings[section]
        parents.append(section)
    # The unknown key itself is left out: if only the schema lacks it, `values` hold it.
    names = [str(k) for k in siblings if k != name or parents != sections]
    if parents[:1] == ["dataset"]:
        # Most keys of a data set can be left out of the configuration.
        section_class = class_in_dataset(parents[1:], str(siblings.get("kind")), values)
        names += section_class.model_fields if section_class else []
    parent = ".".join(parents)
    option_keys = own_keys(parent, values)
    names.sort(key=lambda known_name: known_name not in option_keys)
    return parent, list(dict.fromkeys(names))


def class_in_dataset(
    sections: list[str], kind: str, values: dict[Any, Any]
) -> type[Options] | None:
    """Returns the class that declares the keys of a section of a data set, or None.

    Args:
        sections: the keys that lead from the data set to the section, such as
            `["features", "age"]`; [] for the data set itself.
        kind: the value of the section's key `kind`, if the section has this key.
        values: the whole configuration.
    """
    section_class: Any = chosen_class("dataset", values)
    match sections:
        case [axis, _] if axis in KINDS and kind in option_names(axis):
            section_class = option_class(axis, kind, KINDS[axis])
        case [section] if section in section_class.model_fields:
            section_class = section_class.model_fields[section].annotation
        case [_, *_]:
            return None
    is_class = isinstance(section_class, type) and issubclass(section_class, Options)
    return section_class if is_class else None


def dotted_keys(values: object, prefix: str = "") -> list[str]:
    """Returns all keys of nested dicts as dotted keys, `a` before `a.b`."""
    keys = []
    if isinstance(values, dict):
        for key, value in values.items():
            keys.append(f"{prefix}{key}")
            keys += dotted_keys(value, f"{prefix}{key}.")
    return keys
