"""Explains unknown keys of a configuration, and suggests similar known keys."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

from mtl_cli.config.known_keys import (
    chosen_class,
    dotted_keys,
    is_schema_key,
    keys_beyond_base,
    known_siblings,
    options_with_key,
)

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
    """Returns a message about a key that the configuration may not have.

    The message suggests similar keys, and names the options that have such a key. If
    there are neither, the message lists the known keys of the section.

    Args:
        key: the unknown key, dotted, such as `model.depth`.
        values: the configuration as nested dicts, without unknown keys.
    """
    if is_schema_key(key, values):  # a setting can only change keys that a file sets
        section = key.partition(".")[0]
        return (
            f"{key}: the chosen YAML file of conf/{section} does not set this key; "
            f"add the key to the file, or write +{key}=VALUE"
        )
    hints = []
    if similar_keys := suggestions(key, values):
        hints.append(f"did you mean {' or '.join(similar_keys)}?")
    if note := note_on_other_options(key, values):
        hints.append(note)
    if not hints:
        parent, siblings = known_siblings(key, values)
        of_parent = f" of {parent}" if parent else ""
        hints.append(f"known keys{of_parent}: {', '.join(siblings)}")
    return f"unknown key '{key}'; {' '.join(hints)}"


def note_on_other_options(key: str, values: dict[Any, Any]) -> str:
    """Names the options of a section that have a key which the chosen option lacks.

    Returns: a text such as "momentum is a key of optimizer=sgd"; "" if no option of the
        section has the key.
    """
    section, _, name = key.rpartition(".")
    if chosen_class(section, values) is None:
        return ""
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
    keys_of_option = keys_beyond_base(section, values)
    if similar_names := similar_siblings(name, keys_of_option, siblings):
        return [f"{parent}.{similar}".removeprefix(".") for similar in similar_names]
    if section and section == parent:
        return []  # the section exists, and the message lists its keys
    return similar_keys_anywhere(key, dotted_keys(values))


def similar_siblings(
    name: str, keys_of_option: list[str], siblings: list[str]
) -> list[str]:
    """Returns the names in the section of an unknown key that resemble its name.

    Args:
        name: the last part of the unknown key.
        keys_of_option: the keys that the chosen option adds to its base class.
        siblings: all known keys of the section.
    """
    words = sorted(name.split("_"))
    return (
        [sibling for sibling in siblings if sorted(sibling.split("_")) == words]
        or get_close_matches(name, keys_of_option, n=3, cutoff=0.7)
        or get_close_matches(name, siblings, n=1, cutoff=0.7)
        or names_with_initials(name, siblings)
    )


def similar_keys_anywhere(
    key: str, known_keys: list[str], name_cutoff: float = 0.8
) -> list[str]:
    """Returns known keys of all sections that resemble a key, or its last part.

    Args:
        key: the unknown key, dotted.
        known_keys: the dotted keys to choose from.
        name_cutoff: how similar the last parts of two keys must be; 1 is equal.
    """
    name = key.rpartition(".")[2]
    # If several keys have the same last part, the dict keeps the first of them.
    key_by_name = {k.rpartition(".")[2]: k for k in reversed(known_keys)}
    similar_names = get_close_matches(name, key_by_name, n=1, cutoff=name_cutoff)
    similar_names = similar_names or names_with_initials(name, key_by_name)
    similar_keys = get_close_matches(key, known_keys, n=1, cutoff=0.8)
    similar_keys += [key_by_name[similar_name] for similar_name in similar_names]
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
