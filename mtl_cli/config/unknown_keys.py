"""Explains unknown keys of a configuration, and suggests similar known keys.

Some sections choose an option: the section `model` with `name: ple` chooses the option
`ple`. Each option is a class, whose fields are the keys of the section.

In this file, `values` is the whole configuration as nested dicts. A dotted key such as
`model.num_levels` names a key inside a section.
"""

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
    "bs": "trainer.batch_size",
    "early_stopping": "trainer.patience",
    "lr": "optimizer.learning_rate",
    "seeds": "repeats",
}


def unknown_key_message(key: str, values: dict[Any, Any]) -> str:
    """Returns a message about a dotted key that the configuration may not have.

    The message suggests a similar key, and names the options that have such a key. If
    there are neither, the message lists the known keys of the section.
    """
    section, _, name = key.rpartition(".")
    cls = chosen_class(section, values)
    # Unlike `model_fields`, the schema has the keys of heads, gates and towers too.
    if cls is not None and name in cls.model_json_schema()["properties"]:
        return (  # a setting can only change keys that a file sets
            f"{key}: the chosen YAML file of conf/{section} does not set this key; "
            f"add the key to the file, or write +{key}=VALUE"
        )
    hints = []
    if similar := similar_key(key, values):
        hints.append(f"did you mean {similar}?")
    if cls is not None:
        classes = classes_of_group(section)
        others = [option for option, c in classes.items() if name in c.model_fields]
        # In the group `dataset`, the only classes are generators.
        setting = "dataset.generator" if section == "dataset" else section
        if others:
            hints.append(f"{name} is a key of {setting}={', '.join(others)}")
    if not hints:
        parent, siblings = known_siblings(key, values)
        of_parent = f" of {parent}" if parent else ""
        hints.append(f"known keys{of_parent}: {', '.join(siblings)}")
        if kinds := kinds_with_key(key):
            # A dict on the command line is merged with the dict of the YAML file.
            hints[-1] += (
                f"; {name} is a key of kind {', '.join(kinds)}: to change the kind on "
                f"the command line, add '~{key}'"
            )
    return f"unknown key '{key}'; {' '.join(hints)}"


def kinds_with_key(key: str) -> list[str]:
    """Returns the kinds that have a dotted key of one feature or task, or []."""
    match key.split("."):
        case ["dataset", axis, _, name] if axis in KINDS:
            return [
                kind
                for kind in option_names(axis)
                if name in option_class(axis, kind, KINDS[axis]).model_fields
            ]
    return []


def chosen_class(section: str, values: dict[Any, Any]) -> type[Options] | None:
    """Returns the class of the option that a section chooses, or its base class.

    The result is None if the section is missing, or does not choose an option.
    """
    keys = values.get(section)
    if section not in AXIS_OF_GROUP or not isinstance(keys, dict):
        return None
    _, base = AXIS_OF_GROUP[section]
    return classes_of_group(section).get(str(keys.get(option_key(section))), base)


def similar_key(key: str, values: dict[Any, Any]) -> str | None:
    """Returns the known key that the user may have meant by an unknown dotted key."""
    section, _, name = key.rpartition(".")
    if name in KNOWN_ELSEWHERE:
        return KNOWN_ELSEWHERE[name]
    parent, siblings = known_siblings(key, values)
    if similar_names := get_close_matches(name, siblings, n=1, cutoff=0.7):
        return f"{parent}.{similar_names[0]}".removeprefix(".")
    if section and section == parent:
        return None  # the section exists, and the message lists its keys
    known_keys = [k for k in dotted_keys(values) if not f"{k}.".startswith(f"{key}.")]
    if similar_keys := get_close_matches(key, known_keys, n=1, cutoff=0.8):
        return similar_keys[0]
    # If several keys have the same last part, the dict keeps the first of them.
    key_by_name = {k.rpartition(".")[2]: k for k in reversed(known_keys)}
    similar_names = get_close_matches(name, key_by_name, n=1, cutoff=0.8)
    return key_by_name[similar_names[0]] if similar_names else None


def known_siblings(key: str, values: dict[Any, Any]) -> tuple[str, list[str]]:
    """Returns the known keys next to an unknown dotted key.

    For example, the unknown key `model.nosuch.depth` has the siblings `name`,
    `num_levels` and so on, the keys of `model`.

    Returns: the innermost section of the key that exists, "" for the whole
        configuration; and the known keys of this section.
    """
    *sections, last = key.split(".")
    parents: list[str] = []
    innermost = values  # the section to which `parents` lead
    for section in sections:
        if not isinstance(innermost.get(section), dict):
            break
        innermost = innermost[section]
        parents.append(section)
    unknown = (*sections, last)[len(parents)]
    names = [str(name) for name in innermost if name != unknown]
    if parents[:1] == ["dataset"]:
        # Most keys of a data set can be left out of the configuration.
        section_class = class_in_dataset(
            parents[1:], str(innermost.get("kind")), values
        )
        names += section_class.model_fields if section_class else []
    return ".".join(parents), list(dict.fromkeys(names))


def class_in_dataset(
    path: list[str], kind: str, values: dict[Any, Any]
) -> type[Options] | None:
    """Returns the class that declares the keys of a section of a data set, or None.

    `path` leads from the data set to the section, as in `["features", "age"]`. `kind`
    is the value of this key in the section.
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
