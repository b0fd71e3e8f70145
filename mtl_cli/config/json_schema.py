"""JSON schemas of the YAML files in `conf/`, for editors and for the documentation.

`python -m mtl_cli.config.json_schema FOLDER` writes one file for each config group.
"""

import inspect
import json
import re
import sys
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from mtl_cli.config.run_config import Config, Trainer
from mtl_cli.core.options import Options, option_class, option_names
from mtl_cli.core.paths import conf_folder
from mtl_cli.data.dataset import Dataset
from mtl_cli.encoders.base import Encoder
from mtl_cli.features.base import Feature
from mtl_cli.models.base import Sharing
from mtl_cli.optimizers.base import Optimizer
from mtl_cli.tasks.base import Task
from mtl_cli.trackers.base import Tracker

Schema = dict[str, Any]

SCHEMA_FOLDER = Path(__file__).with_name("schemas")
GROUPS = ("dataset", "encoder", "model", "optimizer", "tracker", "trainer")
AXES: dict[str, tuple[str, type[Options]]] = {
    "dataset": ("generators", Dataset),
    "encoder": ("encoders", Encoder),
    "model": ("models", Sharing),
    "optimizer": ("optimizers", Optimizer),
    "tracker": ("trackers", Tracker),
}
# The classes in `dataset` whose option is named by `kind`.
KINDS: dict[str, type[Options]] = {"features": Feature, "tasks": Task}
INTERPOLATION = {"type": "string", "pattern": r"^\$\{.*\}$"}
DEFAULTS = {
    "type": "array",
    "description": "Hydra's defaults list: the YAML files that this one builds on.",
}


def option_classes(group: str) -> dict[str, type[Options]]:
    """Returns the classes that validate the files of a config group, by option.

    The key `""` is the class of files that name no option.
    """
    if group == "trainer":
        return {"": Trainer}
    axis, base = AXES[group]
    options = {name: option_class(axis, name, base) for name in option_names(axis)}
    return {"": base, **options} if base is Dataset else options


def group_schema(group: str, partial: bool = False) -> Schema:
    """Returns the schema of the files in `conf/<group>/`.

    Args:
        group: a group of `GROUPS`.
        partial: whether all keys may be left out. An experiment leaves keys out: it
            changes some keys of an option that another file defines.
    """
    run_keys: Any = OmegaConf.load(conf_folder() / "config.yaml")
    supplied = run_keys.get(group) or {}
    branches, definitions = [], {}
    for name, option in option_classes(group).items():
        branch = described(option)
        definitions.update(branch.pop("$defs", {}))
        key = "generator" if group == "dataset" else "name"
        if name:
            branch["properties"][key] = {"const": name}
        branch["properties"]["defaults"] = DEFAULTS
        # A generated data set declares its features itself.
        supplied_keys = {*supplied, "features"} if name else {*supplied}
        required = [k for k in branch.pop("required", []) if k not in supplied_keys]
        if not partial:
            branch["if"] = {"not": {"required": ["defaults"]}}
            branch["then"] = {"required": required}
            branch["required"] = [key] if name else []
        branches.append(branch)
    schema = branches[0] if len(branches) == 1 else {"anyOf": branches}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"conf/{group}/*.yaml",
        **schema,
        "$defs": definitions,
    }


def run_schema() -> Schema:
    """Returns the schema of experiments and sweeps: they set keys of any group."""
    schema = described(Config)
    definitions = schema.pop("$defs", {})
    for group in GROUPS:
        part = group_schema(group, partial=True)
        definitions.update(part.pop("$defs"))
        del part["$schema"], part["title"]
        schema["properties"][group] = part
    schema["properties"]["defaults"] = DEFAULTS
    schema["properties"]["hydra"] = {
        "type": "object",
        "description": "Hydra's own keys.",
    }
    del schema["required"]
    for name in ("Trainer", "Comparison", "SweepOptions"):
        definitions.get(name, {}).pop("required", None)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "conf/experiment/*.yaml and conf/sweep/*.yaml",
        "$defs": definitions,
    }


def described(option: type[Options]) -> Schema:
    """Returns the schema of a class, with a description of each key."""
    schema = option.model_json_schema()
    definitions = schema.setdefault("$defs", {})
    texts = {kind.__name__: attribute_texts(kind) for kind in all_models(option)}
    for name, part in [(option.__name__, schema), *definitions.items()]:
        part["description"] = str(part.get("description", "")).split("\n\n")[0]
        for key, value in part.get("properties", {}).items():
            value.pop("title", None)
            if text := texts.get(name, {}).get(key):
                value["description"] = text
    for axis, base in KINDS.items():
        if base.__name__ in definitions:
            definitions[base.__name__] = {"oneOf": []}
            for name in option_names(axis):
                kind = described(option_class(axis, name, base))
                kind["properties"]["kind"] = {"const": name}
                definitions |= {**kind.pop("$defs"), kind["title"]: kind}
                reference = {"$ref": f"#/$defs/{kind['title']}"}
                definitions[base.__name__]["oneOf"].append(reference)
    allowed: Schema = with_interpolation(schema)
    return allowed


def all_models(option: type[Options]) -> set[type[Options]]:
    """Returns a model and the models that its annotations name, at any depth."""
    models: set[type[Options]] = set()

    def visit(annotation: Any) -> None:
        is_model = isinstance(annotation, type) and issubclass(annotation, Options)
        if is_model and annotation not in models:
            models.add(annotation)
            for field in annotation.model_fields.values():
                visit(field.annotation)
        for argument in getattr(annotation, "__args__", ()):
            visit(argument)

    visit(option)
    return models


def with_interpolation(schema: Any) -> Any:
    """Lets text such as `${oc.env:NAME}` stand for a number, a flag or a choice."""
    if isinstance(schema, list):
        return [with_interpolation(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    schema = {key: with_interpolation(part) for key, part in schema.items()}
    if schema.get("type") in ("integer", "number", "boolean") or "enum" in schema:
        notes = {k: schema.pop(k) for k in ("description", "default") if k in schema}
        return {"anyOf": [schema, INTERPOLATION], **notes}
    return schema


def attribute_texts(option: type) -> dict[str, str]:
    """Returns what the docstrings of a class and its bases say about its attributes."""
    texts: dict[str, str] = {}
    for kind in reversed(option.__mro__):
        doc = inspect.cleandoc(kind.__doc__ or "")
        section = re.search(r"^Attributes:\n((?:(?: +.*)?\n?)*)", doc, re.MULTILINE)
        entries = re.split(r"^    (?=\w+:)", section[1] if section else "", flags=re.M)
        for entry in entries[1:]:
            name, _, text = entry.split("\n\n")[0].partition(":")
            texts[name] = " ".join(text.split())
    return texts


def write_schemas(folder: Path) -> list[Path]:
    """Writes all schemas into a folder, and returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    schemas = {group: group_schema(group) for group in GROUPS}
    schemas |= {"experiment": run_schema()}
    for name, schema in schemas.items():
        text = json.dumps(schema, indent=1, ensure_ascii=False)
        (folder / f"{name}.json").write_text(f"{text}\n", encoding="utf-8")
    return [folder / f"{name}.json" for name in schemas]


if __name__ == "__main__":
    for path in write_schemas(Path(sys.argv[1]) if sys.argv[1:] else SCHEMA_FOLDER):
        sys.stdout.write(f"{path}\n")
