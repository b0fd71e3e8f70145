"""Checks the arguments of the public functions, and names them in messages."""

import builtins
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import wraps
from inspect import Parameter, signature
from numbers import Integral
from types import SimpleNamespace, UnionType
from typing import Any, ParamSpec, TypeVar, Union, get_args, get_origin, get_type_hints

from mtl_cli.core.errors import ConfigError, MtlError
from mtl_cli.core.message_text import shown

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class KnownNames(dict[str, Any]):
    """The names that type hints use; names that only type checkers import are `Any`."""

    def __missing__(self, name: str) -> Any:
        return Any


def checked_call(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Decorates a public function: wrong types of arguments raise a `ConfigError`.

    The types are those of the function's type hints. Messages name the arguments of the
    function in place of the flags of the commands, such as `by` for `--by`.
    """
    parameters = signature(function).parameters
    annotations = dict(function.__annotations__)
    # The hint of the result may name a part of a module that only type checkers import.
    del annotations["return"]
    hints = get_type_hints(
        SimpleNamespace(__annotations__=annotations),
        localns=KnownNames(vars(builtins) | function.__globals__),
    )

    @wraps(function)
    def checked(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        arguments = signature(function).bind(*args, **kwargs).arguments
        for name, value in arguments.items():
            hint = hints.get(name, Any)
            is_variadic = parameters[name].kind == Parameter.VAR_POSITIONAL
            for argument in value if is_variadic else [value]:
                if not has_type(argument, hint):
                    raise ConfigError(
                        f"{function.__name__}: {name}: expected {hint_text(hint)}, but "
                        f"got {shown(argument)}"
                    )
        try:
            return function(*args, **kwargs)
        except MtlError as error:
            error.args = (with_arguments_for_flags(str(error), hints),)
            raise

    return checked


def has_type(value: object, hint: Any) -> bool:
    """Whether a value has the type of a hint.

    Each collection counts as a sequence, for instance an index of pandas. Each value
    counts as a `bool`.
    """
    kind = get_origin(hint) or hint
    if kind in (Any, bool):
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


def with_arguments_for_flags(message: str, hints: Mapping[str, Any]) -> str:
    """Replaces the flags of commands in a message by the arguments of a function.

    >>> hints = {"by": str, "force": bool}
    >>> with_arguments_for_flags("--by: no column 'a'", hints)
    "by: no column 'a'"
    >>> with_arguments_for_flags("replace it with --force", hints)
    'replace it with force=True'
    """

    def argument(flag: re.Match[str]) -> str:
        name, value = flag.groups()
        if name not in hints:
            return flag[0]
        if value is None and hints[name] is bool:
            value = "True"
        return name if value is None else f"{name}={value}"

    return re.sub(r"(?<!\S)--([a-z]+)(?: ([A-Z]+)\b)?", argument, message)
