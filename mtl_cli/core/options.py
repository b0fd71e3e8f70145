"""Building blocks of the configuration's schema: strict classes and named numbers."""

import pkgutil
from importlib import import_module
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from mtl_cli.core.errors import shown, suggest

# Larger ones overflow somewhere in C.
Count = Annotated[int, Field(ge=1, lt=2**31)]
CountOrZero = Annotated[int, Field(ge=0, lt=2**31)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Units = Annotated[list[Count], Field(description="widths of layers; may be empty")]
SomeUnits = Annotated[list[Count], Field(min_length=1)]
Share = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Strict(BaseModel):
    """A part of the configuration: unknown keys and wrong types are errors."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def part_named(package: str, base: type[Strict], key: str = "name") -> BeforeValidator:
    """Validates a dict by the class of the module that one of its keys names.

    Args:
        package: whose modules may be named, each holding one subclass of `base`.
        base: what the classes inherit; that of a dict without the key, if it is not
            `name`, which every part must have.
        key: that names the module.
    """

    def validate(value: Any) -> Any:
        if not isinstance(value, dict) or (key != "name" and key not in value):
            return value
        name = value.get(key)
        if name not in names_in(package):
            raise PydanticCustomError(
                "unknown_name",
                "{key}: {shown} is not one of: {known}{hint}",
                {
                    "key": key,
                    "shown": shown(name),
                    "known": ", ".join(names_in(package)),
                    "hint": suggest(str(name), names_in(package)),
                },
            )
        return class_in(import_module(f"{package}.{name}"), base).model_validate(value)

    return BeforeValidator(validate)


def names_in(package: str) -> list[str]:
    """Returns the modules of a package that can be named in a configuration."""
    modules = pkgutil.iter_modules(import_module(package).__path__)
    return sorted(module.name for module in modules if module.name != "base")


def class_in(module: Any, base: type[Strict]) -> type[Strict]:
    """Returns the one subclass of `base` that a module defines."""
    (found,) = (
        kind
        for kind in vars(module).values()
        if isinstance(kind, type)
        and issubclass(kind, base)
        and kind.__module__ == module.__name__
    )
    return found
