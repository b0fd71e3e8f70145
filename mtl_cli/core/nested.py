"""Flattens nested dicts, and makes configurations of nested values."""

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from omegaconf import DictConfig


def flatten(nested: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Turns nested dicts into one dict with dotted keys that begin with `prefix`.

    >>> flatten({"trainer": {"epochs": 2}, "seed": 1, "model": {}})
    {'trainer.epochs': 2, 'seed': 1, 'model': {}}
    """
    flat: dict[str, Any] = {}
    for key, value in nested.items():
        if isinstance(value, Mapping) and value:
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def map_texts(convert: Callable[[str], str], value: Any) -> Any:
    """Returns nested dicts and lists with each text in their values converted."""
    if isinstance(value, dict):
        return {key: map_texts(convert, item) for key, item in value.items()}
    if isinstance(value, list):
        return [map_texts(convert, item) for item in value]
    return convert(value) if isinstance(value, str) else value


def literal_config(values: dict[str, Any]) -> "DictConfig":
    """Makes a configuration that gives back exactly these values.

    `OmegaConf.create` alone would take a text such as `${seed}` for an interpolation.

    >>> literal_config({"name": "${seed}", "seed": 1}).name
    '${seed}'
    """
    from omegaconf import OmegaConf

    return OmegaConf.create(escaped(values))  # type: ignore[no-any-return]


def escaped(value: Any) -> Any:
    r"""Writes a backslash before each `${` in the texts of nested values.

    >>> escaped(["${seed}", 1])
    ['\\${seed}', 1]
    """
    # Backslashes that are before "${" already are doubled.
    return map_texts(partial(re.sub, r"(\\*)\$\{", r"\1\1\\${"), value)


def unescaped(value: Any) -> Any:
    r"""Takes back what `escaped` has done to nested values.

    >>> unescaped(escaped([r"${seed}", r"\\${seed}", "seed"]))
    ['${seed}', '\\\\${seed}', 'seed']
    """

    def without_added(match: re.Match[str]) -> str:
        # n backslashes before "${" have become 2n + 1.
        return match[1][: len(match[1]) // 2] + "${"

    return map_texts(partial(re.sub, r"\\(\\*)\$\{", without_added), value)
