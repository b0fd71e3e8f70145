"""Checks the types of the arguments of the public functions."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import wraps
from inspect import Parameter, signature
from numbers import Integral
from types import UnionType
from typing import Any, ParamSpec, TypeVar, Union, get_args, get_origin

from mtl_cli.core.errors import ConfigError
from mtl_cli.core.message_text import shown

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def checked_call(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Decorates a public function: wrong types of arguments raise a `ConfigError`.

    Arguments with quoted hints are not checked, because the hints may need imports.
    """
    function_signature = signature(function)

    @wraps(function)
    def checked(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        # Missing arguments raise Python's own error.
        arguments = function_signature.bind(*args, **kwargs).arguments
        for name, value in arguments.items():
            parameter = function_signature.parameters[name]
            hint = parameter.annotation
            if hint is Parameter.empty or isinstance(hint, str):
                continue
            # The hint of `*args` is the hint of each item.
            is_args = parameter.kind == Parameter.VAR_POSITIONAL
            values = value if is_args else [value]
            for checked_value in values:
                if not has_type(checked_value, hint):
                    raise ConfigError(
                        f"{function.__name__}: {name}: expected {hint_text(hint)}, but "
                        f"got {shown(checked_value)}"
                    )
        return function(*args, **kwargs)

    return checked


def has_type(value: object, hint: Any) -> bool:
    """Whether a value has the type of a hint.

    Any collection counts as a `Sequence`, such as an index of pandas, but not a text. A
    whole number of NumPy counts as an `int`.
    """
    kind = get_origin(hint) or hint
    if kind is Any:
        return True
    if kind in (Union, UnionType):
        return any(has_type(value, choice) for choice in get_args(hint))
    if kind is int:
        return isinstance(value, Integral)
    if kind is Sequence:
        is_single = isinstance(value, str | bytes | Mapping | Iterator)
        if is_single or not isinstance(value, Iterable):
            return False
        return all(has_type(item, get_args(hint)[0]) for item in value)
    return isinstance(value, kind)


def hint_text(hint: Any) -> str:
    """Returns a type hint as it is written in Python, without the names of modules.

    >>> hint_text(str | Sequence[str]), hint_text(int)
    ('str | Sequence[str]', 'int')
    """
    text = hint.__name__ if isinstance(hint, type) else str(hint)
    return re.sub(r"\b[a-z]\w*\.", "", text)
