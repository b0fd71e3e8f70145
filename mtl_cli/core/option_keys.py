"""The keys of options that share a section, and keys that another option has.

For example, the section of a task holds the keys of its kind. If the user changes the
kind, keys of the earlier kind may remain in the section.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from mtl_cli.core.option_classes import Option, option_class, option_names
from mtl_cli.core.options import Options

# Whether `check_keys_of_other_options` accepts any values of the keys.
_accepts_any_value = ContextVar("_accepts_any_value", default=False)


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
    """Returns a section without the keys of other options: they have no effect.

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


def keys_of_options(axis: str, base: type[Options]) -> set[str]:
    """Returns every key that at least one option of an axis has."""
    return {
        key
        for name in option_names(axis)
        for key in option_class(axis, name, base).model_fields
    }
