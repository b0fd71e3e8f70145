"""Explains keys of the configuration, for `mtl-train --help KEY`.

The package holds the texts in the JSON schema of an experiment, with all sections. So
neither pydantic nor the classes of the keys are loaded, unless plugins add keys.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from textwrap import TextWrapper
from typing import NamedTuple

from mtl_cli.config.schema_text import Schema, type_text, yaml_text
from mtl_cli.core.errors import ConfigError
from mtl_cli.core.message_text import shown, suggest
from mtl_cli.core.plugins import plugin_sources

SCHEMA_FILE = Path(__file__).with_name("schemas") / "experiment.json"
OPTION_KEYS = ("kind", "name", "generator")  # keys that choose an option of a group
WRAPPER = TextWrapper(width=88, initial_indent="    ", subsequent_indent="    ")


class Key(NamedTuple):
    """A key of an option, such as of the model `ple` or the kind `sparse`."""

    path: str  # the dotted key, with NAME for the name of a feature or task
    option: str  # "" in a section without options, or for a dataset of files
    schema: Schema


def explain_keys(names: list[str]) -> str:
    """Explains each named key: its meaning, its values and its default.

    A name is a dotted key, or its end: `patience` is `trainer.patience`. A section,
    such as `trainer`, is explained with all of its keys.

    Raises:
        ConfigError: if there is no such key.
    """
    schema = experiment_schema()
    definitions = schema["$defs"]
    keys = list(keys_below(schema, definitions))
    texts = [
        key_text(path, keys, definitions)
        for name in names
        for path in find_paths(keys, name)
    ]
    return "\n\n".join(dict.fromkeys(filter(None, texts))) + "\n"


def experiment_schema() -> Schema:
    """Returns the schema of an experiment, with the keys of plugins if there are."""
    if not plugin_sources():
        schema: Schema = json.loads(SCHEMA_FILE.read_text("utf-8"))
        return schema
    from mtl_cli.config.json_schema import run_schema  # imports all classes, so slow

    return run_schema()


def keys_below(
    schema: Schema, definitions: Schema, prefix: str = "", option: str = ""
) -> Iterator[Key]:
    """Yields all keys of a schema and of its sections."""
    if "$ref" in schema:
        schema = definitions[schema["$ref"].rpartition("/")[2]]
    for part in [*schema.get("anyOf", []), *schema.get("oneOf", [])]:
        yield from keys_below(part, definitions, prefix, option)
    properties = schema.get("properties", {})
    for name in OPTION_KEYS:
        if "const" in properties.get(name, {}):
            option = properties[name]["const"]
    for name, inner in properties.items():
        if name != "defaults" and "const" not in inner:
            yield Key(f"{prefix}{name}", option, inner)
            yield from keys_below(inner, definitions, f"{prefix}{name}.")
    # Sections whose keys are names that the user chooses: features and tasks.
    by_name = [*schema.get("patternProperties", {}).values()]
    by_name += [schema.get("additionalProperties")]
    for inner in filter(None, by_name):
        yield from keys_below(inner, definitions, f"{prefix}NAME.")


def find_paths(keys: list[Key], name: str) -> list[str]:
    paths = list(dict.fromkeys(key.path for key in keys))
    found = [path for path in paths if f"{path}.".startswith(f"{name}.")]
    found = found or [path for path in paths if f".{name}." in f"{path}."]
    if found:
        return found
    if name.rpartition(".")[2] in OPTION_KEYS:
        raise ConfigError(
            f"--help: {shown(name)} chooses an option, and mtl-train --help lists the "
            "options; name another key"
        )
    names = [*paths, *(path.rpartition(".")[2] for path in paths)]
    raise ConfigError(
        f"--help: no key {shown(name)}{suggest(name, names)}; write NAME for the name "
        "of a feature or task, as in dataset.tasks.NAME.space"
    )


def key_text(path: str, keys: list[Key], definitions: Schema) -> str:
    """Explains one key. Options for which the key means the same are listed together.

    Returns "" for a section without a text of its own.
    """
    section = path.rpartition(".")[0]
    options = {key.option for key in keys if key.path.rpartition(".")[0] == section}
    options_by_text: dict[str, dict[str, None]] = {}  # ordered sets of options
    for key in keys:
        if key.path == path and (text := meaning(key.schema, definitions)):
            options_by_text.setdefault(text, {})[key.option] = None
    parts = []
    for text, listed in options_by_text.items():
        is_of_all = options == set(listed)
        names = ", ".join(option or "without generator" for option in listed)
        parts.append(path if is_of_all else f"{path}  ({names})")
        parts.append(text)
    return "\n".join(parts)


def meaning(schema: Schema, definitions: Schema) -> str:
    """Returns what a key means, its values and its default, in indented lines."""
    lines = WRAPPER.wrap(schema.get("description", ""))
    values = type_text(schema, definitions)
    if "mapping" not in values:
        default = schema.get("default", "")
        ending = f"; default: {yaml_text(default)}" if "default" in schema else ""
        lines += WRAPPER.wrap(f"values: {values}{ending}")
    return "\n".join(lines)
