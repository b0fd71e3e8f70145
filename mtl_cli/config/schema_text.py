"""Says in words which values the JSON schema of a key allows."""

from typing import Any

Schema = dict[str, Any]

# The texts leave out that each number and truth value may be an interpolation.
INTERPOLATION = {"type": "string", "pattern": r"^\$\{.*\}$"}
RULES = {
    "minimum": "≥",
    "exclusiveMinimum": ">",
    "maximum": "≤",
    "exclusiveMaximum": "<",
}
NAMES: dict[str, str] = {
    "integer": "whole number",
    "boolean": "true or false",
    "string": "text",
    "null": "`null`",
}


def type_text(schema: Schema, definitions: Schema) -> str:
    """Returns the values that a schema allows, in words."""
    if "$ref" in schema:
        return type_text(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    for union in ("anyOf", "oneOf"):
        if union in schema:
            parts = [p for p in schema[union] if p != INTERPOLATION]
            texts = dict.fromkeys(type_text(part, definitions) for part in parts)
            return "a mapping by kind" if union == "oneOf" else " or ".join(texts)
    if "enum" in schema:
        return " or ".join(f"`{yaml_text(value)}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{yaml_text(schema['const'])}`"
    kind: str = schema.get("type", "anything")
    if kind == "array":
        items = type_text(schema.get("items", {}), definitions)
        return f"list: {items}"
    if kind == "object":
        return "mapping"
    if kind in ("integer", "number"):
        limits = [
            f"{sign} {schema[rule]:g}"
            for rule, sign in RULES.items()
            if rule in schema and abs(schema[rule]) < 2**31
        ]
        return " ".join([NAMES.get(kind, kind), " and ".join(limits)]).strip()
    return NAMES.get(kind, kind)


def yaml_text(value: Any) -> str:
    """Returns a value as YAML has it on one line."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)
