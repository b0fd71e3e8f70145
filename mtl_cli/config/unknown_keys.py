"""Explains unknown keys of a configuration, and suggests similar known keys."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

# Names that users know from other tools, and what they are called here.
KNOWN_ELSEWHERE = {
    **dict.fromkeys(
        ("loss_weights", "loss_weight", "task_weights"), "dataset.tasks.NAME.weight"
    ),
    **dict.fromkeys(("output", "output_dir", "run_dir", "out_dir"), "hydra.run.dir"),
    "early_stopping": "trainer.patience",
    "seeds": "repeats",
}


def unknown_key_message(key: str, values: dict[Any, Any]) -> str:
    """Returns a message about an unknown key. The message suggests a similar key.

    Args:
        key: the unknown key, dotted.
        values: the configuration, with the unknown key.
    """
    section, _, name = key.rpartition(".")
    siblings = known_siblings(key, values)
    chosen_keys, owners = keys_and_owners(section, name, values)
    if name in chosen_keys:
        option = values[section]["name"]
        return (
            f"unknown key '{key}': the YAML file of {section}={option} does not set "
            f"it; add it there, or write +{key}=VALUE"
        )
    similar_names = (
        get_close_matches(name, chosen_keys, 3, cutoff=0.7)
        or get_close_matches(name, siblings, 1, cutoff=0.7)
        or abbreviated(name, siblings)
    )
    similar_keys = [f"{section}.{similar}".lstrip(".") for similar in similar_names]
    known_keys = [k for k in dotted_keys(values) if k != key]
    if name in KNOWN_ELSEWHERE and not owners:
        similar_keys = [KNOWN_ELSEWHERE[name]]
    if not similar_keys and section not in known_keys:
        similar_keys = similar_keys_anywhere(key, known_keys)
    note = f"{name} is a key of {section}={', '.join(owners)}" if owners else ""
    if similar_keys:
        suggestion = f"did you mean {' or '.join(similar_keys)}?"
        return f"unknown key '{key}'; {suggestion} {note}".rstrip()
    siblings.sort(key=lambda sibling: sibling not in chosen_keys)
    known_there = f"known there: {', '.join(siblings)}"
    return "; ".join(filter(None, [f"unknown key '{key}'", known_there, note]))


def keys_and_owners(
    section: str, key: str, values: dict[Any, Any]
) -> tuple[list[str], list[str]]:
    """Returns what the options of a section say about a key that is unknown there.

    Returns: the keys that only the chosen option of the section declares; and the names
        of the other options that declare `key`. Both are empty if the section is not a
        config group, such as `model`.
    """
    from mtl_cli.config.json_schema import AXES, option_classes

    chosen = values.get(section)
    if section not in AXES or not isinstance(chosen, dict):
        return [], []
    _, base = AXES[section]
    options = option_classes(section)
    option = options.get(str(chosen.get("name")), base)
    chosen_keys = [k for k in option.model_fields if k not in base.model_fields]
    return chosen_keys, [n for n, other in options.items() if key in other.model_fields]


def known_siblings(key: str, values: dict[Any, Any]) -> list[str]:
    """Returns the known keys in the innermost existing section of a dotted key.

    For a data set, the schema names the keys, because most of them can be left out of
    the configuration.
    """
    *sections, name = key.split(".")
    innermost = values
    for section in sections:
        if not isinstance(innermost.get(section), dict):
            break
        innermost = innermost[section]
    keys = [str(k) for k in innermost if k != name]
    if sections[:1] == ["dataset"] and isinstance(values.get("dataset"), dict):
        kind = str(innermost.get("kind"))
        keys += keys_of_dataset(sections[1:], values["dataset"], kind)
    return list(dict.fromkeys(keys))


def keys_of_dataset(
    sections: list[str], dataset: dict[Any, Any], kind: str
) -> list[str]:
    """Returns the keys that the schema declares in a section of a data set.

    Args:
        sections: the keys that lead from the data set to the section, such as
            `["features", "age"]`.
        dataset: the configuration of the data set.
        kind: the value of the section's key `kind`, if it has one.
    """
    from mtl_cli.config.json_schema import KINDS, option_classes
    from mtl_cli.core.options import Options, option_class, option_names

    classes = option_classes("dataset")
    declaring: Any = classes.get(str(dataset.get("generator", "")), classes[""])
    match sections:
        case [axis, _] if axis in KINDS and kind in option_names(axis):
            declaring = option_class(axis, kind, KINDS[axis])
        case [section] if section in declaring.model_fields:
            declaring = declaring.model_fields[section].annotation
        case [_, *_]:
            declaring = None
    is_section = isinstance(declaring, type) and issubclass(declaring, Options)
    return list(declaring.model_fields) if is_section else []


def similar_keys_anywhere(
    key: str, known_keys: list[str], cutoff: float = 0.8
) -> list[str]:
    """Returns known keys of all sections that resemble a key, or its last part."""
    name = key.rpartition(".")[2]
    # If several keys have the same last part, the dict keeps the first of them.
    by_name = {k.rpartition(".")[2]: k for k in reversed(known_keys)}
    similar_names = get_close_matches(name, by_name, 1, cutoff=cutoff)
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


def dotted_keys(values: object, prefix: str = "") -> list[str]:
    """Returns all keys of nested dicts as dotted keys, `a` before `a.b`."""
    keys = []
    if isinstance(values, dict):
        for key, value in values.items():
            keys.append(f"{prefix}{key}")
            keys += dotted_keys(value, f"{prefix}{key}.")
    return keys
