"""Finds the keys that sections of a configuration may have.

Some sections choose an option: the section `model` with `name: ple` chooses the option
`ple`. Each option is a class, whose fields are the keys of the section. Several options
of a section share a base class.

In this file, `values` is the whole configuration as nested dicts. A dotted key such as
`model.num_levels` names a key inside a section.
"""

from typing import Any

from mtl_cli.config.groups import AXIS_OF_GROUP, KINDS, classes_of_group, option_key
from mtl_cli.core.option_classes import option_class, option_names
from mtl_cli.core.options import Options


def chosen_class(section: str, values: dict[Any, Any]) -> type[Options] | None:
    """Returns the class of the option that a section chooses.

    If the section names no known option, the base class is returned. The result is None
    if the section is missing, or does not choose an option.
    """
    keys = values.get(section)
    if section not in AXIS_OF_GROUP or not isinstance(keys, dict):
        return None
    _, base = AXIS_OF_GROUP[section]
    return classes_of_group(section).get(str(keys.get(option_key(section))), base)


def is_schema_key(key: str, values: dict[Any, Any]) -> bool:
    """Whether a dotted key is a key of the option that its section chooses.

    The function answers False for all keys of inner sections, such as
    `dataset.features.age`.
    """
    section, _, name = key.rpartition(".")
    cls = chosen_class(section, values)
    # Unlike `model_fields`, the schema has the keys of heads, gates and towers too.
    return cls is not None and name in cls.model_json_schema()["properties"]


def keys_beyond_base(section: str, values: dict[Any, Any]) -> list[str]:
    """Returns the keys that the chosen option of a section adds to its base class."""
    cls = chosen_class(section, values)
    if cls is None:
        return []
    _, base = AXIS_OF_GROUP[section]
    return [key for key in cls.model_fields if key not in base.model_fields]


def options_with_key(section: str, key: str) -> list[str]:
    """Returns the names of the options of a section that have a key."""
    classes = classes_of_group(section)
    return [name for name, cls in classes.items() if key in cls.model_fields]


def known_siblings(key: str, values: dict[Any, Any]) -> tuple[str, list[str]]:
    """Returns the known keys next to an unknown dotted key.

    For example, the unknown key `model.nosuch.depth` has the siblings `name`,
    `num_levels` and so on, the keys of `model`.

    Returns: the innermost section of the key that exists, "" for the whole
        configuration; and the known keys of this section. Keys that only the chosen
        option has come before the keys of its base class.
    """
    *sections, _ = key.split(".")
    parents: list[str] = []
    innermost = values  # the section to which `parents` lead
    for section in sections:
        if not isinstance(innermost.get(section), dict):
            break
        innermost = innermost[section]
        parents.append(section)
    names = [str(name) for name in innermost]
    if parents[:1] == ["dataset"]:
        # Most keys of a data set can be left out of the configuration.
        section_class = class_in_dataset(
            parents[1:], str(innermost.get("kind")), values
        )
        names += section_class.model_fields if section_class else []
    parent = ".".join(parents)
    keys_of_option = keys_beyond_base(parent, values)
    names.sort(key=lambda name: name not in keys_of_option)  # False comes before True
    return parent, list(dict.fromkeys(names))


def class_in_dataset(
    path: list[str], kind: str, values: dict[Any, Any]
) -> type[Options] | None:
    """Returns the class that declares the keys of a section of a data set, or None.

    Args:
        path: the keys that lead from the data set to the section, such as
            `["features", "age"]`; [] for the data set itself.
        kind: the value of the section's key `kind`, if the section has this key.
        values: the whole configuration.
    """
    dataset_class = chosen_class("dataset", values)
    match path:
        case []:
            return dataset_class
        case [axis, _] if axis in KINDS and kind in option_names(axis):
            return option_class(axis, kind, KINDS[axis])
        case [name] if dataset_class and name in dataset_class.model_fields:
            field_type = dataset_class.model_fields[name].annotation
            if isinstance(field_type, type) and issubclass(field_type, Options):
                return field_type
    return None


def dotted_keys(values: object, prefix: str = "") -> list[str]:
    """Returns all keys of nested dicts as dotted keys, `a` before `a.b`."""
    keys = []
    if isinstance(values, dict):
        for key, value in values.items():
            keys.append(f"{prefix}{key}")
            keys += dotted_keys(value, f"{prefix}{key}.")
    return keys
