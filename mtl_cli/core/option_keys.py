"""The keys of options that share a section, and keys that another option has.

For example, a user changes the `kind` of a task from `regression` to `binary`, and
`transform: standard` remains in the section. Only `regression` has the key `transform`,
and `standard` is its default, so the key has no effect and is dropped. Any other value
is an error, because the user expects an effect.

In all functions, `axis` is the axis of the options that share the section, `base` their
base class, `cls` the class of the chosen option, and `selector` the key that chooses
the option, for messages.
"""

from collections.abc import Iterator
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
    """Builds an object of an option's class; `keys` may hold keys of other options."""
    cls = option_class(axis, name, base)
    return cls.model_validate(
        without_keys_of_other_options(keys, cls, axis, base, selector)
    )


@contextmanager
def ignored_keys_of_other_options() -> Iterator[None]:
    """Lets keys of other options have any values.

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
    """Returns a section without the keys of other options.

    Pydantic later reports the keys that no option has, a section that is no dict, and
    one that names no option: its class is `base`.
    """
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
    """Returns the keys of a section that other options have, but not the chosen one.

    A `ValueError` is raised if such a key has a value that is not its default in any
    option.
    """
    unknown_keys = [key for key in values if key not in cls.model_fields]
    if not unknown_keys:
        return []
    defaults_by_key = defaults_by_option(axis, base, unknown_keys)
    if _accepts_any_value.get():
        return list(defaults_by_key)
    for key, defaults in defaults_by_key.items():
        value = values[key]
        # In Python, True equals 1, but in a configuration `true` is no number.
        if not any(
            value == default and isinstance(value, bool) == isinstance(default, bool)
            for default in defaults.values()
        ):
            choices = f"{selector}={' or '.join(defaults)}"
            raise ValueError(
                f"{key}: only {choices} uses it; choose {choices}, or leave it out"
            )
    return list(defaults_by_key)


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
                default = (
                    None
                    if field.is_required()
                    else field.get_default(call_default_factory=True)
                )
                defaults.setdefault(key, {})[name] = default
    return defaults


def keys_of_options(axis: str, base: type[Options]) -> set[str]:
    """Returns every key that at least one option of an axis has."""
    return {
        key
        for name in option_names(axis)
        for key in option_class(axis, name, base).model_fields
    }
