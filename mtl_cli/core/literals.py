"""Makes configurations of OmegaConf from values that are resolved already."""

import re
from typing import Any

from omegaconf import DictConfig, OmegaConf


def literal_config(values: dict[str, Any]) -> DictConfig:
    """Makes a configuration that gives back exactly these values.

    `OmegaConf.create` alone would take a text such as `${seed}` for an interpolation,
    and resolve a configuration a second time.

    >>> literal_config({"name": "${seed}", "seed": 1}).name
    '${seed}'
    """
    return OmegaConf.create(escaped(values))  # type: ignore[no-any-return]


def escaped(value: Any) -> Any:
    r"""Writes a backslash before each `${` in the texts of nested values.

    >>> escaped(["${seed}", 1])
    ['\\${seed}', 1]
    """
    if isinstance(value, dict):
        return {key: escaped(item) for key, item in value.items()}
    if isinstance(value, list):
        return [escaped(item) for item in value]
    if isinstance(value, str):  # a backslash before "${" is doubled
        return re.sub(r"(\\*)\$\{", lambda match: rf"{2 * match[1]}\${{", value)
    return value


def unescaped(value: Any) -> Any:
    r"""Takes back what `escaped` has done to nested values.

    >>> unescaped(escaped([r"${seed}", r"\\${seed}", "seed"]))
    ['${seed}', '\\\\${seed}', 'seed']
    """
    if isinstance(value, dict):
        return {key: unescaped(item) for key, item in value.items()}
    if isinstance(value, list):
        return [unescaped(item) for item in value]
    if isinstance(value, str):  # n backslashes before "${" have become 2n + 1
        return re.sub(
            r"\\(\\*)\$\{", lambda match: match[1][: len(match[1]) // 2] + "${", value
        )
    return value
