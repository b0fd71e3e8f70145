"""Finds, imports and checks the classes of options.

An axis is a folder of options, such as `models` or `encoders`; `plugins.AXES` lists the
axes. An option is a choice on an axis, such as the model `ple`. The option's file has
the option's name, and holds the option's class. The fields of the class are the
option's keys in the configuration.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import ModuleType
from typing import Any, TypeVar

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from mtl_cli.core.errors import ConfigError, first_line
from mtl_cli.core.message_text import comma_list, shown, suggest
from mtl_cli.core.options import Options
from mtl_cli.core.paths import short_path
from mtl_cli.core.plugins import AXES, OptionSource, sources, unknown_folders

PLUGIN_HINT = "; the option of a plugin needs --plugins FOLDER"
# A name that is less similar to a known option may well be the option of a plugin.
PLUGIN_CUTOFF = 0.8

Option = TypeVar("Option", bound=Options)

# Whether `check_keys_of_other_options` accepts any values of the keys.
_accepts_any_value = ContextVar("_accepts_any_value", default=False)


def option_validator(
    axis: str, base: type[Options], key: str = "name"
) -> BeforeValidator:
    """Returns a validator that turns a dict into an object of an option's class.

    The value of `key` (`name`, `kind` or `generator`) is the option's name. A dict
    without a `name` is an error. A dict without a `kind` or `generator` stays a dict,
    which pydantic then validates by the base class of the axis: a data set that reads
    files has no `generator`.
    """

    def validate(value: object) -> object:
        if not isinstance(value, dict) or (key != "name" and key not in value):
            return value
        name: Any = value.get(key)
        check_option_name(axis, name, message_start=f"{key}: {shown(name)} ")
        return option_class(axis, name, base).model_validate(value)

    return BeforeValidator(validate)


def option_name_validator(axis: str) -> BeforeValidator:
    """Returns a validator of a text that must name an option of an axis."""

    def validate(value: object) -> object:
        check_option_name(axis, value)
        return value

    return BeforeValidator(validate)


def suggest_option(wrong: str, names: list[str]) -> str:
    """Returns a hint for a message about an unknown option, such as a similar name.

    If no name is similar, the option may be that of a plugin. A folder in a folder of
    `--plugins` may then have a misspelt name, such as `balancers` for `balancing`.
    """
    if hint := suggest(wrong, names, PLUGIN_CUTOFF):
        return hint
    folders = [path for path in unknown_folders() if suggest(path.name, list(AXES))]
    if not folders:
        return PLUGIN_HINT
    paths = comma_list(map(str, map(short_path, folders)), max_items=3)
    return f"; no options are sought in {paths}; known folders: {', '.join(AXES)}"


def check_option_name(axis: str, name: object, message_start: str = "") -> None:
    """Raises an error if an axis has no option of this name.

    `message_start` begins the message, such as "kind: 'spars' ". Leave it empty if the
    code that prints pydantic's error adds the key and the name.
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


def build_option(
    axis: str, name: str, base: type[Option], keys: dict[str, Any], selector: str
) -> Option:
    """Builds an object of an option's class.

    Args:
        axis: the axis of the option.
        name: the name of the option.
        base: the base class of the axis.
        keys: {key: value}; may hold keys of other options, see
            `without_keys_of_other_options`.
        selector: the key that chooses the option, for messages.
    """
    cls = option_class(axis, name, base)
    return cls.model_validate(
        without_keys_of_other_options(keys, cls, axis, base, selector)
    )


@contextmanager
def ignored_keys_of_other_options() -> Iterator[None]:
    """Lets `without_keys_of_other_options` drop keys with any values.

    The configuration of a saved model holds such keys, with the defaults of the version
    that saved it.
    """
    token = _accepts_any_value.set(True)
    try:
        yield
    finally:
        _accepts_any_value.reset(token)


def without_keys_of_other_options(
    values: Any, cls: type[Options], axis: str, base: type[Options], selector: str
) -> Any:
    """Returns a section without the keys of other options, which have no effect.

    For example, a user changes the `kind` of a task from `regression` to `binary`, and
    `transform: standard` remains in the section. Only `regression` has the key
    `transform`, and `standard` is its default, so the key has no effect and is dropped.
    Keys that no option has stay in the section: pydantic reports them later.

    For the arguments and errors, see `check_keys_of_other_options`. Anything that is no
    dict is returned as it is: pydantic reports it later.
    """
    # The class is the base class if the section names no option: pydantic will report
    # that the name is missing.
    if not isinstance(values, dict) or cls is base:
        return values
    dropped_keys = check_keys_of_other_options(values, cls, axis, base, selector)
    return {key: value for key, value in values.items() if key not in dropped_keys}


def check_keys_of_other_options(
    values: dict[str, Any],
    cls: type[Options],
    axis: str,
    base: type[Options],
    selector: str,
) -> list[str]:
    """Finds the keys of a section that other options have, but not the chosen one.

    Args:
        values: {key: value} of a section of the configuration.
        cls: the class of the chosen option.
        axis: the axis of the other options.
        base: the base class of this axis.
        selector: the key that chooses the option, for the message.

    Returns: the keys.

    Raises:
        ValueError: if such a key has a value that is not its default in any option, so
            that the user expects an effect.
    """
    unknown_keys = [key for key in values if key not in cls.model_fields]
    if not unknown_keys:
        return []
    defaults_by_key = defaults_by_option(axis, base, unknown_keys)
    if not _accepts_any_value.get():
        for key, defaults in defaults_by_key.items():
            if not is_one_of(values[key], defaults.values()):
                raise ValueError(no_effect_message(key, defaults, selector))
    return list(defaults_by_key)


def is_one_of(value: object, defaults: Iterable[object]) -> bool:
    """Whether a value of the configuration equals one of some defaults.

    In Python, True equals 1, but in a configuration `true` is no number.
    """
    return any(
        value == default and isinstance(value, bool) == isinstance(default, bool)
        for default in defaults
    )


def no_effect_message(key: str, defaults: dict[str, Any], selector: str) -> str:
    """Returns an error about a key that only other options than the chosen one have.

    `defaults` is {option that has the key: the key's default there}.
    """
    *_, last_default = defaults.values()
    use = "use" if len(defaults) > 1 else "uses"
    default = "null" if last_default is None else last_default
    return (
        f"{key}: only {selector}={' and '.join(defaults)} {use} it; choose "
        f"{selector}={' or '.join(defaults)}, or set {key} back to {default}"
    )


def defaults_by_option(
    axis: str, base: type[Options], keys: list[str]
) -> dict[str, dict[str, Any]]:
    """Returns {key: {option that has the key: the key's default there}}.

    The default of a required key is None. Keys that no option has are left out.
    """
    defaults: dict[str, dict[str, Any]] = {}
    for name in option_names(axis):
        for key, field in option_class(axis, name, base).model_fields.items():
            if key in keys:
                default = None
                if not field.is_required():
                    default = field.get_default(call_default_factory=True)
                defaults.setdefault(key, {})[name] = default
    return defaults


def option_names(axis: str) -> list[str]:
    """Returns the names of an axis's options, including the options of plugins."""
    return sorted(sources(axis))


def keys_of_options(axis: str, base: type[Options]) -> set[str]:
    """Returns every key that at least one option of an axis has."""
    return {
        key
        for name in option_names(axis)
        for key in option_class(axis, name, base).model_fields
    }


def option_class(axis: str, name: str, base: type[Option]) -> type[Option]:
    """Returns the class of an option: the one subclass of `base` in the option's file.

    Raises:
        ConfigError: if a plugin's file cannot be imported, holds no or several such
            classes, or holds a class that lacks a method.
    """
    source = sources(axis)[name]
    classes = subclasses_in(imported(source), base)
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
    """Imports an option: its class, or the module that holds the class."""
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

    Two methods of a class may have to agree, such as `encode` and `graph` of a feature.
    A subclass that overrides only `encode` inherits a `graph` that does not fit it. For
    this class and the method `graph`, the function returns {"encode"}.
    """
    mro = cls.__mro__  # the class, its base class, and so on
    definer = next(i for i, c in enumerate(mro) if method in vars(c))
    names_in_subclasses = {name for c in mro[:definer] for name in vars(c)}
    inherited_names = {name for c in mro[definer:] for name in vars(c)}
    return names_in_subclasses & inherited_names


def subclasses_in(class_or_module: object, base: type[Option]) -> list[type[Option]]:
    """Returns the subclasses of a base class that a module defines.

    Classes that the module has imported from elsewhere do not count. In place of a
    module, the argument may be a class, which then is the only candidate.
    """
    candidates = [class_or_module]
    if isinstance(class_or_module, ModuleType):
        candidates = [
            value
            for value in vars(class_or_module).values()
            if getattr(value, "__module__", "") == class_or_module.__name__
        ]
    classes = (c for c in candidates if isinstance(c, type) and issubclass(c, base))
    return list(dict.fromkeys(classes))  # a class may have a second name
