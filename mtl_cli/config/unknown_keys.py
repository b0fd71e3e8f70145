"""Explains unknown keys of a configuration, and suggests similar known keys."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

from mtl_cli.config.groups import AXIS_OF_GROUP, KINDS, classes_of_group, option_key
from mtl_cli.core.option_classes import option_class, option_names
from mtl_cli.core.options import Options

# {name that users know from other tools: the key of mtl-cli}
KNOWN_ELSEWHERE = {
    **dict.fromkeys(
        ("loss_weights", "loss_weight", "task_weights"), "dataset.tasks.NAME.weight"
    ),
    **dict.fromkeys(("output", "output_dir", "run_dir", "out_dir"), "hydra.run.dir"),
    "early_stopping": "trainer.patience",
    "seeds": "repeats",
}


def unknown_key_message(key: str, values: dict[Any, Any]) -> str:
    """Returns a message about a key that the schema or the configuration lacks.

    The message suggests similar keys, or lists the known keys of the section if no key
    is similar. The message also names other options of the section that have the key.

    Args:
        key: the dotted key.
        values: the configuration. If only the schema lacks the key, the configuration
            holds the key.
    """
    section, _, name = key.rpartition(".")
    note = ""
    if cls := chosen_class(section, values):
        # Unlike `model_fields`, the schema has the keys of heads, gates and towers too.
        if name in cls.model_json_schema()["properties"]:
            return (
                f"{key}: the chosen YAML file of conf/{section} does not set this key; "
                f"add the key to the file, or write +{key}=VALUE"
            )
        note = note_on_other_options(section, name)
    if similar_keys := suggestions(key, values):
        message = f"unknown key '{key}'; did you mean {' or '.join(similar_keys)}?"
        return f"{message} {note}" if note else message
    parent, siblings = known_siblings(key, values)
    owner = f" of {parent}" if parent else ""
    message = f"unknown key '{key}'; known keys{owner}: {', '.join(siblings)}"
    return f"{message}; {note}" if note else message


def note_on_other_options(section: str, name: str) -> str:
    """Names the options of a section that have a key; "" if none has."""
    # A data set is a YAML file, not a class. In the group `dataset`, the only classes
    # are generators.
    setting = "dataset.generator" if section == "dataset" else section
    others = options_with_key(section, name)
    return f"{name} is a key of {setting}={', '.join(others)}" if others else ""


def suggestions(key: str, values: dict[Any, Any]) -> list[str]:
    """Returns the known keys that the user may have meant by an unknown dotted key."""
    section, _, name = key.rpartition(".")
    if name in KNOWN_ELSEWHERE:
        return [KNOWN_ELSEWHERE[name]]
    parent, siblings = known_siblings(key, values)
    similar_names = (
        get_close_matches(name, own_keys(section, values), 3, cutoff=0.7)
        or get_close_matches(name, siblings, 1, cutoff=0.7)
        or names_with_initials(name, siblings)
    )
    if similar_names:
        return [f"{parent}.{similar}".removeprefix(".") for similar in similar_names]
    if section and section == parent:
        return []  # the section exists, and the message lists its keys
    known_keys = [known_key for known_key in dotted_keys(values) if known_key != key]
    return similar_keys_anywhere(key, known_keys)


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
        kind = str(siblings.get("kind"))
        names += schema_keys_of_dataset(parents[1:], kind, values)
    parent = ".".join(parents)
    option_keys = own_keys(parent, values)
    names.sort(key=lambda known_name: known_name not in option_keys)
    return parent, list(dict.fromkeys(names))


def schema_keys_of_dataset(
    sections: list[str], kind: str, values: dict[Any, Any]
) -> list[str]:
    """Returns the keys that the schema declares in a section of a data set.

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
            return []
    is_class = isinstance(section_class, type) and issubclass(section_class, Options)
    return list(section_class.model_fields) if is_class else []


def similar_keys_anywhere(
    key: str, known_keys: list[str], name_cutoff: float = 0.8
) -> list[str]:
    """Returns known keys of all sections that resemble a key, or its last part.

    Args:
        key: the unknown key, dotted.
        known_keys: the dotted keys to choose from.
        name_cutoff: the least similarity of the last parts of two keys; 1 is equal.
    """
    name = key.rpartition(".")[2]
    # If several keys have the same last part, the dict keeps the first of them.
    by_name = {k.rpartition(".")[2]: k for k in reversed(known_keys)}
    similar_names = get_close_matches(name, by_name, 1, cutoff=name_cutoff)
    similar_names = similar_names or names_with_initials(name, by_name)
    similar_keys = get_close_matches(key, known_keys, 1, cutoff=0.8)
    similar_keys += [by_name[similar_name] for similar_name in similar_names]
    return list(dict.fromkeys(similar_keys))


def names_with_initials(initials: str, names: Iterable[str]) -> list[str]:
    """Returns the names whose words begin with these letters.

    >>> names_with_initials("lr", ["learning_rate", "lazy"])
    ['learning_rate']
    """
    return [
        name
        for name in names
        if "_" in name and "".join(word[:1] for word in name.split("_")) == initials
    ]


def dotted_keys(values: object, prefix: str = "") -> list[str]:
    """Returns all keys of nested dicts as dotted keys, `a` before `a.b`."""
    keys = []
    if isinstance(values, dict):
        for key, value in values.items():
            keys.append(f"{prefix}{key}")
            keys += dotted_keys(value, f"{prefix}{key}.")
    return keys
