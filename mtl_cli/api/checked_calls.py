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
    """The names that type hints may use. An unknown name counts as `Any`.

    Names that only type checkers import are unknown when the program runs.
    """

    def __missing__(self, name: str) -> Any:
        return Any


def checked_call(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Decorates a public function: wrong types of arguments raise a `ConfigError`.

    The function's type hints say which types are right. Messages name the arguments of
    the function in place of the flags of the commands: `by` for `--by`.
    """
    function_signature = signature(function)
    annotations = dict(function.__annotations__)
    # The result is not checked, and its hint could name a part of an unknown module.
    del annotations["return"]
    hints = get_type_hints(
        SimpleNamespace(__annotations__=annotations),
        localns=KnownNames(vars(builtins) | function.__globals__),
    )

    @wraps(function)
    def checked(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        try:
            arguments = function_signature.bind(*args, **kwargs).arguments
        except TypeError:
            arguments = {}  # The call below raises Python's own message.
        for name, value in arguments.items():
            hint = hints.get(name, Any)
            kind = function_signature.parameters[name].kind
            # The hint of `*args` is the hint of each item.
            values = value if kind == Parameter.VAR_POSITIONAL else [value]
            for checked_value in values:
                if not has_type(checked_value, hint):
                    raise ConfigError(
                        f"{function.__name__}: {name}: expected {hint_text(hint)}, but "
                        f"got {shown(checked_value)}"
                    )
        try:
            return function(*args, **kwargs)
        except MtlError as error:
            error.args = (with_arguments_for_flags(str(error), hints),)
            raise

    return checked


def has_type(value: object, hint: Any) -> bool:
    """Whether a value has the type of a hint.

    Any collection with one dimension counts as a `Sequence`, such as an index of
    pandas, but not a text. A whole number of NumPy counts as an `int`.
    """
    kind = get_origin(hint) or hint
    if kind is Any:
        return True
    if kind in (Union, UnionType):
        return any(has_type(value, choice) for choice in get_args(hint))
    if kind is bool:
        import numpy as np

        return isinstance(value, bool | np.bool_)
    if kind is int:
        return isinstance(value, Integral)
    if kind is Sequence:
        is_single = isinstance(value, str | bytes | Mapping | Iterator)
        # An array of NumPy with `ndim` 0 is iterable, but has no items.
        has_one_dimension = getattr(value, "ndim", 1) == 1
        if is_single or not has_one_dimension or not isinstance(value, Iterable):
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
    >>> with_arguments_for_flags("take --format onnx", {"format": str})
    'take format="onnx"'
    >>> with_arguments_for_flags("--task: no task 'a'", {"tasks": str})
    "tasks: no task 'a'"
    """

    def argument(match: re.Match[str]) -> str:
        flag, value = match.groups()
        # A flag that may be repeated, such as `--task`, is an argument in the plural.
        name = flag if flag in hints else f"{flag}s"
        if name not in hints:
            return match[0]
        if value is not None:
            return f'{name}="{value}"'
        return f"{name}=True" if hints[name] is bool else name

    # In "--by or --force", the word `or` is not the value of a flag. So only words in
    # capitals, such as FOLDER, and the names of formats count as values.
    values = r"[A-Z=]+|(?<=--format )[a-z_]+"
    return re.sub(rf"(?<!\S)--([a-z]+)(?: ({values})\b)?", argument, message)
