"""The keys of heads, gates and towers in the JSON schema of a sharing scheme."""

from pydantic.json_schema import JsonSchemaValue

from mtl_cli.core.option_classes import option_class, option_names
from mtl_cli.core.options import Options
from mtl_cli.gates.base import Gate
from mtl_cli.heads.base import Heads
from mtl_cli.towers.base import Towers

# (key of `model` that chooses an option, folder of its options, their base class)
AXES: list[tuple[str, str, type[Options]]] = [
    ("heads", "heads", Heads),
    ("gate", "gates", Gate),
    ("towers", "towers", Towers),
]


def with_keys_of_options(schema: JsonSchemaValue) -> JsonSchemaValue:
    """Adds the keys of all heads, gates and towers to the schema of a scheme.

    A scheme without gates gets no keys of gates.
    """
    for selector, axis, base in AXES:
        if selector not in schema["properties"]:
            continue
        schema["properties"][selector]["enum"] = option_names(axis)
        for name in option_names(axis):
            keys = option_class(axis, name, base).model_json_schema()
            schema["properties"] |= keys.get("properties", {})
    return schema | {"additionalProperties": False}
