"""The keys of heads, gates and towers: the section `model` holds these keys too."""

from dataclasses import dataclass
from typing import Any, Generic

from pydantic import ValidationError
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import InitErrorDetails

from mtl_cli.core.option_classes import Option, option_class, option_names
from mtl_cli.core.option_keys import (
    build_option,
    check_keys_of_other_options,
    keys_of_options,
)
from mtl_cli.core.options import Options
from mtl_cli.gates.base import Gate
from mtl_cli.heads.base import Heads
from mtl_cli.towers.base import Towers


@dataclass(frozen=True)
class InnerOptions(Generic[Option]):
    """The options in `folder`. The key `key` of `model` chooses one of them."""

    key: str
    folder: str
    base: type[Option]

    def build(self, name: str, values: dict[str, Any]) -> Option:
        keys = self.select(values)
        return build_option(self.folder, name, self.base, keys, f"model.{self.key}")

    def check_unused(self, values: dict[str, Any], scheme: type[Options]) -> None:
        """Raises ValueError if a key of these options is set, for a scheme without."""
        keys = self.select(values)
        check_keys_of_other_options(
            keys, scheme, self.folder, self.base, f"model.{self.key}"
        )

    def select(self, values: dict[str, Any]) -> dict[str, Any]:
        """Returns the values of keys that one of these options has."""
        known_keys = keys_of_options(self.folder, self.base)
        return {key: value for key, value in values.items() if key in known_keys}


HEADS = InnerOptions("heads", "heads", Heads)
GATES = InnerOptions("gate", "gates", Gate)
TOWERS = InnerOptions("towers", "towers", Towers)
ALL_INNER_OPTIONS: tuple[InnerOptions[Any], ...] = (HEADS, GATES, TOWERS)


def check_keys_are_known(values: dict[str, Any]) -> None:
    known_keys = {
        key for options in ALL_INNER_OPTIONS for key in options.select(values)
    }
    unknown_keys = [
        InitErrorDetails(type="extra_forbidden", loc=(key,), input=value)
        for key, value in values.items()
        if key not in known_keys
    ]
    if unknown_keys:
        raise ValidationError.from_exception_data("model", unknown_keys)


def with_keys_of_options(schema: JsonSchemaValue) -> JsonSchemaValue:
    """Adds the keys of all heads, towers and, if there are any, gates to a schema."""
    properties = schema["properties"]
    for options in ALL_INNER_OPTIONS:
        if options.key not in properties:
            continue
        names = option_names(options.folder)
        properties[options.key]["enum"] = names
        for name in names:
            cls = option_class(options.folder, name, options.base)
            properties.update(cls.model_json_schema().get("properties", {}))
    return schema | {"additionalProperties": False}
