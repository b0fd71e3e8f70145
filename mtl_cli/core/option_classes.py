"""Finds, imports and checks the classes of options.

An axis is a folder of options, such as `models` or `encoders`; `plugins.AXES` lists the
axes. An option is a choice on an axis, such as the model `ple`. The option's file has
the option's name, and holds the option's class. The fields of the class are the
option's keys in the configuration.
"""

from types import ModuleType
from typing import Any, TypeVar

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from mtl_cli.core.errors import ConfigError, first_line
from mtl_cli.core.message_text import shown, suggest
from mtl_cli.core.options import Options
from mtl_cli.core.plugins import OptionSource, sources

Option = TypeVar("Option", bound=Options)


def option_validator(
    axis: str, base: type[Options], key: str = "name"
) -> BeforeValidator:
    """Returns a validator that turns a dict into an object of an option's class.

    The value of `key` (`name`, `kind` or `generator`) is the option's name. A dict
    without a `kind` or `generator` stays a dict: pydantic then validates it by the
    base class of the axis: a data set that reads files has no `generator`.
    """

    def validate(value: object) -> object:
        if not isinstance(value, dict) or (key != "name" and key not in value):
            return value
        name: Any = value.get(key)
        if name is None:  # for instance, the YAML file of a plugin does not set it
            is_dataset = key == "generator"
            hint = "; to read files, remove the key" if is_dataset else ""
            raise PydanticCustomError(
                "unknown_name",
                "{key} is missing; write it into the YAML file; it is one of: {names}"
                "{hint}",
                {"key": key, "names": ", ".join(option_names(axis)), "hint": hint},
            )
        check_option_name(axis, name, message_start=f"{key}: {shown(name)} ")
        cls = option_class(axis, name, base)
        if key not in cls.model_fields:  # only a data set need not have a generator
            raise ConfigError(
                f"{sources(axis)[name].label}: {cls.__name__} lacks its key {key}; "
                f"write {key}: str into the class"
            )
        return cls.model_validate(value)

    return BeforeValidator(validate)


def option_name_validator(axis: str) -> BeforeValidator:
    """Returns a validator of a text that must name an option of an axis."""

    def validate(value: object) -> object:
        check_option_name(axis, value)
        return value

    return BeforeValidator(validate)


def suggest_option(wrong: str, names: list[str]) -> str:
    """Suggests a similar name, or else a plugin.

    A name that is less similar may well be the option of a plugin. The cutoff allows
    one wrong letter of four: `mmoo` is `mmoe`.
    """
    plugin_hint = "; a plugin needs --plugins FOLDER or its package installed"
    return suggest(wrong, names, cutoff=0.75) or plugin_hint


def check_option_name(axis: str, name: object, message_start: str = "") -> None:
    """Raises an error if an axis has no option of this name.

    `message_start`, such as "kind: 'spars' ", is empty if the code that prints
    pydantic's error adds it.
    """
    names = option_names(axis)
    if name not in names:
        raise PydanticCustomError(
            "unknown_name",
            "{message_start}is not one of: {names}{hint}",
            {
                "message_start": message_start,
                "names": ", ".join(names),
                "hint": suggest_option(str(name), names),
            },
        )


def option_names(axis: str) -> list[str]:
    return sorted(sources(axis))


def option_class(axis: str, name: str, base: type[Option]) -> type[Option]:
    """Returns the class of an option: the one subclass of `base` in the option's file.

    A plugin's file without exactly one complete class is a `ConfigError`.
    """
    source = sources(axis)[name]
    loaded = imported(source)
    candidates = [loaded]
    if isinstance(loaded, ModuleType):
        # Classes that the module has imported from elsewhere do not count.
        candidates = [
            value
            for value in vars(loaded).values()
            if getattr(value, "__module__", "") == loaded.__name__
        ]
    subclasses = (c for c in candidates if isinstance(c, type) and issubclass(c, base))
    classes = list(dict.fromkeys(subclasses))  # a class may have a second name
    if len(classes) != 1:
        raise ConfigError(
            f"{source.label}: holds {len(classes)} subclasses of {base.__name__}; "
            f"expected one, which is the option {name!r}"
        )
    cls = classes[0]
    if missing_methods := sorted(getattr(cls, "__abstractmethods__", ())):
        raise ConfigError(
            f"{source.label}: {cls.__name__} lacks {', '.join(missing_methods)}; add "
            f"each, see {base.__name__} in {base.__module__}"
        )
    return cls


def imported(source: OptionSource) -> object:
    try:
        return source.load()
    except (Exception, SystemExit) as error:
        if not source.is_plugin:
            raise
        raise ConfigError(
            f"{source.label}: cannot be imported: {type(error).__name__}: "
            f"{first_line(error)}"
        ) from error


def overridden_below(cls: type, method: str) -> set[str]:
    """Returns the names that subclasses override, but not together with `method`.

    For example, a subclass of a feature that overrides only `encode` inherits a `graph`
    that does not fit it. For this class and the method `graph`, this is {"encode"}.
    """
    mro = cls.__mro__  # the class, its base class, and so on
    definer = next(i for i, c in enumerate(mro) if method in vars(c))
    names_in_subclasses = {name for c in mro[:definer] for name in vars(c)}
    inherited_names = {name for c in mro[definer:] for name in vars(c)}
    return names_in_subclasses & inherited_names
