"""JSON schemas of the YAML files in `conf/`, for editors and for the documentation.

`python -m mtl_cli.config.json_schema FOLDER` writes one schema file per config group.
"""

import functools
import json
import sys
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from mtl_cli.config.groups import GROUPS, KINDS, classes_of_group, option_key
from mtl_cli.config.run_config import Config
from mtl_cli.config.schema_text import INTERPOLATION, Schema
from mtl_cli.core.option_classes import option_class, option_names
from mtl_cli.core.options import Options
from mtl_cli.core.paths import conf_folder
from mtl_cli.core.plugins import conf_folders

SCHEMA_FOLDER = Path(__file__).with_name("schemas")
DIALECT = "https://json-schema.org/draft/2020-12/schema"
DEFAULTS = {
    "type": "array",
    "description": "Hydra's defaults list: the YAML files that this file builds on.",
}


def group_schema(group: str) -> Schema:
    """Returns the schema of the files in `conf/<group>/`."""
    schemas = option_schemas(group)
    for option, schema in schemas.items():
        require_keys(schema, group, option)
    return {
        "$schema": DIALECT,
        "title": f"conf/{group}/*.yaml",
        **any_of(list(schemas.values())),
    }


def any_of(schemas: list[Schema]) -> Schema:
    """Returns a schema that accepts what one of the schemas accepts."""
    definitions: Schema = {}
    for schema in schemas:
        definitions.update(schema.pop("$defs", {}))
    choice = schemas[0] if len(schemas) == 1 else {"anyOf": schemas}
    return {**choice, "$defs": definitions}


def option_schemas(group: str) -> dict[str, Schema]:
    """Returns {option: schema of its keys} for a config group.

    The schema of the option "" is for files that name no option.
    """
    schemas = {}
    for option, cls in classes_of_group(group).items():
        schema = class_schema(cls)
        keys = schema["properties"]
        if option:
            keys[option_key(group)] = {"const": option}
        # The data sets of mtl-cli are no defaults for the user's data sets.
        defaults = {} if group == "dataset" else option_defaults(group, option)
        for key in defaults.keys() & keys.keys() - {option_key(group)}:
            keys[key]["default"] = defaults[key]
        keys["defaults"] = DEFAULTS
        schemas[option] = schema
    return schemas


def require_keys(schema: Schema, group: str, option: str) -> None:
    """Changes the schema of an option's keys so that a file must set certain keys."""
    required = schema.pop("required", [])
    set_elsewhere = set(values_of_group(group))
    if group == "dataset" and option:
        set_elsewhere.add("features")  # a generator declares them
    # If a file has a defaults list, another file may set the keys.
    schema["if"] = {"not": {"required": ["defaults"]}}
    schema["then"] = {"required": [k for k in required if k not in set_elsewhere]}
    schema["required"] = [option_key(group)] if option else []


def option_defaults(group: str, option: str) -> dict[str, Any]:
    """Returns the values of an option's keys in YAML files of mtl-cli and of plugins.

    The default in the option's class may differ: it is for configurations that were
    saved before the key existed.
    """
    values = values_of_group(group)
    name = option or ("default" if group == "trainer" else "")
    for folder in (conf_folder(), *conf_folders()):
        path = folder / group / f"{name}.yaml"
        values |= values_in_file(path) if path.exists() else {}
    return values


def values_of_group(group: str) -> dict[str, Any]:
    """Returns the values that `config.yaml` sets for all options of a group."""
    return dict(values_in_file(conf_folder() / "config.yaml").get(group) or {})


@functools.cache
def values_in_file(path: Path) -> dict[str, Any]:
    values: Any = OmegaConf.to_container(OmegaConf.load(path))
    return dict(values)


def run_schema() -> Schema:
    """Returns the schema of experiments and sweeps. Both may set keys of any group."""
    schema = class_schema(Config)
    definitions = schema.pop("$defs", {})
    for group in GROUPS:
        options = list(option_schemas(group).values())
        for option in options:
            option.pop("required", None)  # an experiment may set any keys of a section
        section = any_of(options)
        definitions.update(section.pop("$defs"))
        schema["properties"][group] = section
    schema["properties"]["defaults"] = DEFAULTS
    schema["properties"]["hydra"] = {
        "type": "object",
        "description": "Hydra's own keys.",
    }
    # An experiment or a sweep sets only some keys, in these sections as well.
    del schema["required"]
    for name in ("Trainer", "CompareOptions", "SweepOptions"):
        definitions.get(name, {}).pop("required", None)
    return {
        "$schema": DIALECT,
        **schema,
        "title": "conf/experiment/*.yaml and conf/sweep/*.yaml",
        "$defs": definitions,
    }


def class_schema(cls: type[Options]) -> Schema:
    """Returns the schema of the keys that a class of options declares."""
    schema = cls.model_json_schema()
    definitions = schema.setdefault("$defs", {})
    for section in [schema, *definitions.values()]:
        docstring = str(section.get("description", ""))
        section["description"] = docstring.split("\n\n")[0]  # the first paragraph
        for key_schema in section.get("properties", {}).values():
            key_schema.pop("title", None)
    for axis, base in KINDS.items():
        if base.__name__ in definitions:
            # Pydantic knows only the base class; the key `kind` chooses a subclass.
            definitions |= kind_definitions(axis, base)
    schema_for_editors: Schema = with_interpolation(schema)
    return schema_for_editors


def kind_definitions(axis: str, base: type[Options]) -> Schema:
    """Returns {name of a class: its schema} for the options that `kind` chooses.

    The schema of the base class is a choice among all others.
    """
    references: list[Schema] = []
    definitions: Schema = {base.__name__: {"oneOf": references}}
    for name in option_names(axis):
        kind = class_schema(option_class(axis, name, base))
        kind["properties"]["kind"] = {"const": name}
        definitions |= {**kind.pop("$defs"), kind["title"]: kind}
        references.append({"$ref": f"#/$defs/{kind['title']}"})
    return definitions


def with_interpolation(schema: Any) -> Any:
    """Returns a schema whose numbers, booleans and choices may be interpolations."""
    if isinstance(schema, list):
        return [with_interpolation(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    schema = {key: with_interpolation(value) for key, value in schema.items()}
    if schema.get("type") in ("integer", "number", "boolean") or "enum" in schema:
        outer = {k: schema.pop(k) for k in ("description", "default") if k in schema}
        return {"anyOf": [schema, INTERPOLATION], **outer}
    return schema


def write_schemas(folder: Path) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    schemas = {group: group_schema(group) for group in GROUPS}
    schemas["experiment"] = run_schema()
    for name, schema in schemas.items():
        text = json.dumps(schema, indent=1, ensure_ascii=False)
        (folder / f"{name}.json").write_text(f"{text}\n", encoding="utf-8")
    return [folder / f"{name}.json" for name in schemas]


if __name__ == "__main__":
    for path in write_schemas(Path(sys.argv[1]) if sys.argv[1:] else SCHEMA_FOLDER):
        sys.stdout.write(f"{path}\n")
