"""Tables of the configuration's keys and of the metrics, made from the code."""

import ast
import inspect
import tomllib
from pathlib import Path
from typing import Any

from mtl_cli.config.groups import GROUPS, classes_of_group
from mtl_cli.config.json_schema import (
    group_schema,
    option_defaults,
    run_schema,
    values_in_file,
)
from mtl_cli.config.schema_text import Schema, type_text, yaml_text
from mtl_cli.core.paths import conf_folder

ROOT = Path(__file__).resolve().parents[1]


def keys_table(group: str, option: str = "", which: str = "all") -> str:
    """Returns a table of keys in Markdown.

    Args:
        group: a config group, `run` for the keys outside of all groups, or a class of
            the schema such as `Sparse`.
        option: an option of the group; for all options without.
        which: `own` leaves out the keys that all options have.
    """
    if group == "run":
        schema = run_schema()
        left_out = (*GROUPS, "hydra", "defaults")
        keys = {k: v for k, v in schema["properties"].items() if k not in left_out}
        return table(
            {"properties": keys},
            schema["$defs"],
            values_in_file(conf_folder() / "config.yaml"),
        )
    if group in ("features", "tasks"):
        definitions = group_schema("dataset")["$defs"]
        names = kinds(definitions, group)
        return "\n\n".join(
            f"### {title}\n\n{definitions[name]['description']}\n\n"
            + table(definitions[name], definitions, {})
            for title, name in names.items()
        )
    schema = group_schema(group)
    branches = dict(
        zip(classes_of_group(group), schema.get("anyOf", [schema]), strict=True)
    )
    common = set.intersection(*(set(b["properties"]) for b in branches.values()))

    defaults = {name: option_defaults(group, name) for name in branches}

    def part(name: str, keys: set[str]) -> str:
        branch = branches[name]
        chosen = {k: v for k, v in branch["properties"].items() if k in keys}
        needed = [*branch["required"], *branch["then"]["required"]]
        shown = {"properties": chosen, "required": needed}
        return table(shown, schema["$defs"], defaults[name])

    if option in branches and option:
        keys = set(branches[option]["properties"])
        return part(option, keys - common if which == "own" else keys)
    sections = [part(next(iter(branches)), common)]
    if other := other_defaults(common - {"name"}, defaults):
        sections.append(f"Other defaults: {other}.")
    for name, branch in branches.items():
        own = set(branch["properties"]) - common
        if name:
            setting = "dataset.generator" if group == "dataset" else group
            sections.append(f"### `{setting}={name}`\n\n{branch['description']}")
            sections += [part(name, own)] if own else []
    return "\n\n".join(sections)


def other_defaults(keys: set[str], defaults: dict[str, dict[str, Any]]) -> str:
    """Lists the defaults of an option that are not those of the first option.

    Args:
        keys: keys that all options have.
        defaults: {option: {key: default}}.
    """
    first, *_ = defaults.values()
    return "; ".join(
        f"`{key}` is `{yaml_text(own[key])}` with `{option}`"
        for option, own in defaults.items()
        for key in sorted(keys)
        if own.get(key) != first.get(key) and not isinstance(own.get(key), dict)
    )


def inner_part(schema: Schema, definitions: Schema) -> Schema | None:
    """Returns the schema of a key that is itself a mapping, such as `sweep`."""
    for part in [schema, *schema.get("anyOf", [])]:
        target: Schema = definitions.get(part.get("$ref", "").rpartition("/")[2], {})
        if "properties" in target:
            return target
    return None


def kinds(definitions: Schema, group: str) -> dict[str, str]:
    """Returns the classes of the features or of the tasks, by their `kind`."""
    names = {}
    for name, definition in definitions.items():
        properties = definition.get("properties", {})
        kind = properties.get("kind", {})
        if kind and ("label" in properties) == (group == "tasks"):
            names[f"`kind: {kind['const']}`" if "const" in kind else name] = name
    return names


def table(part: Schema, definitions: Schema, defaults: dict[str, Any]) -> str:
    """Returns one row for each key of a mapping: its values, its default, its text."""
    lines = ["| key | value | default | |", "|---|---|---|---|"]

    def add(
        prefix: str, part: Schema, defaults: dict[str, Any], is_optional: bool = False
    ) -> None:
        required = "" if is_optional else "required"
        for key, schema in part["properties"].items():
            inner = inner_part(schema, definitions)
            if key == "defaults" or "const" in schema:
                continue
            if inner is not None:
                is_nullable = {"type": "null"} in schema.get("anyOf", [])
                add(f"{prefix}{key}.", inner, defaults.get(key) or {}, is_nullable)
                continue
            default = required if key in part.get("required", []) else ""
            for source in (schema, defaults):
                name = "default" if source is schema else key
                if name in source and not isinstance(source[name], dict):
                    default = f"`{yaml_text(source[name])}`"
            values, text = type_text(schema, definitions), schema.get("description", "")
            cells = [f"`{prefix}{key}`", values, default, text]
            lines.append(f"| {' | '.join(cells)} |")  # a bar in backticks is no border

    add("", part, defaults)
    return "\n".join(lines)


def metrics_table(kind: str) -> str:
    """Returns the metrics of one kind of task, with the first line of their text."""
    from mtl_cli.tasks.base import task_class

    lines = ["| metric | better | |", "|---|---|---|"]
    for metric in task_class(kind).METRICS:
        text = inspect.cleandoc(metric.function.__doc__ or "")
        better = {1: "higher", -1: "lower"}.get(metric.direction or 0, "")
        lines.append(f"| `{metric.name}` | {better} | {' '.join(text.split())} |")
    return "\n".join(lines)


def packages_table(root: str) -> str:
    """Returns the packages in the order of their imports, with what each holds."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    contract, *_ = project["tool"]["importlinter"]["contracts"]
    lines = ["| package | what it holds |", "|---|---|"]
    for layer in contract["layers"]:
        for package in layer.split(" | "):
            name = package.removeprefix(f"{root}.")
            source = (ROOT / root / name / "__init__.py").read_text("utf-8")
            text = str(ast.get_docstring(ast.parse(source))).split("\n\n")[0]
            lines.append(f"| `{name}` | {' '.join(text.split())} |")
    return "\n".join(lines)
