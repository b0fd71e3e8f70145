"""Building blocks of the configuration's schema: option classes and named numbers."""

from types import ModuleType
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from mtl_cli.core.errors import ConfigError, first_line, shown, suggest
from mtl_cli.core.plugins import sources

# Larger ones overflow somewhere in C.
Count = Annotated[int, Field(ge=1, lt=2**31)]
CountOrZero = Annotated[int, Field(ge=0, lt=2**31)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Units = Annotated[list[Count], Field(description="widths of layers; may be empty")]
SomeUnits = Annotated[list[Count], Field(min_length=1)]
Share = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]

PLUGIN_HINT = "; the option of a plugin needs --plugins FOLDER"


class Options(BaseModel):
    """A part of the configuration: unknown keys and wrong types are errors."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


Option = TypeVar("Option", bound=Options)


def option_of(axis: str, base: type[Options], key: str = "name") -> BeforeValidator:
    """Validates a dict by the class of the option that one of its keys names.

    Args:
        axis: the folder of the options, such as `models`; see `plugins.AXES`.
        base: the class that all options of the axis inherit. A dict without the key is
            validated by this class, unless the key is `name`, which is never optional.
        key: the key that names the option: `name`, `kind` or `generator`.
    """

    def validate(value: Any) -> Any:
        if not isinstance(value, dict) or (key != "name" and key not in value):
            return value
        name: Any = value.get(key)
        check_option_name(axis, name, opening=f"{key}: {shown(name)} ")
        return option_class(axis, name, base).model_validate(value)

    return BeforeValidator(validate)


def option_name(axis: str) -> BeforeValidator:
    """Validates the name of an option of an axis."""

    def validate(value: Any) -> Any:
        check_option_name(axis, value)
        return value

    return BeforeValidator(validate)


def check_option_name(axis: str, name: Any, opening: str = "") -> None:
    """Raises an error if an axis has no option of a name.

    Args:
        axis: the folder of the options.
        name: the name to check.
        opening: the key and the name, if the message does not say them anyway.
    """
    names = option_names(axis)
    if name not in names:
        raise PydanticCustomError(
            "unknown_name",
            "{opening}is not one of: {known}{hint}",
            {
                "opening": opening,
                "known": ", ".join(names),
                "hint": suggest(str(name), names) or PLUGIN_HINT,
            },
        )


def drop_keys_of_others(
    values: Any, option: type[Options], axis: str, base: type[Options], selector: str
) -> Any:
    """Returns values without the keys that only other options of the axis have.

    A configuration may hold such a key at its default: a run of another option left it.

    Args:
        values: keys and values; anything else is returned as it is.
        option: the class that the values are for.
        axis: the folder of the options.
        base: the class that all options of the axis inherit.
        selector: the key that names an option, for messages.

    Raises:
        ValueError: if a key of another option has another value than its default.
    """
    if not isinstance(values, dict) or option is base:
        return values
    foreign = [key for key in values if key not in option.model_fields]
    kept = dict(values)
    for name in option_names(axis) if foreign else []:
        fields = option_class(axis, name, base).model_fields
        for key in [k for k in foreign if k in fields and k in kept]:
            default = None if fields[key].is_required() else fields[key].default
            if kept.pop(key) != default:
                usual = "null" if default is None else default
                raise ValueError(
                    f"{key}: only {selector}={name} uses it; set it to {usual}"
                )
    return kept


def option_names(axis: str) -> list[str]:
    """Returns the names of all options of an axis, our own and those of plugins."""
    return sorted(sources(axis))


def option_class(axis: str, name: str, base: type[Option]) -> type[Option]:
    """Returns the class of an option: the one subclass of `base` in its file.

    Raises:
        ConfigError: if a plugin cannot be imported, or does not hold one such class.
    """
    source = sources(axis)[name]
    try:
        module = source.load()
    except Exception as error:
        if not source.is_plugin:
            raise
        raise ConfigError(
            f"{source.label}: cannot be imported: {type(error).__name__}: "
            f"{first_line(error)}"
        ) from error
    classes = [module]
    if isinstance(module, ModuleType):
        here = module.__name__
        classes = [
            c for c in vars(module).values() if getattr(c, "__module__", "") == here
        ]
    classes = [c for c in classes if isinstance(c, type) and issubclass(c, base)]
    if len(classes) != 1:
        raise ConfigError(
            f"{source.label}: holds {len(classes)} subclasses of {base.__name__}; "
            f"expected one, which is the option {name!r}"
        )
    chosen: type[Option] = classes[0]
    return chosen
