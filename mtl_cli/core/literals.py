"""Makes configurations of OmegaConf from values that are resolved already."""

import re
from functools import partial
from typing import Any

from omegaconf import DictConfig, OmegaConf

from mtl_cli.core.nested import map_texts


def literal_config(values: dict[str, Any]) -> DictConfig:
    """Makes a configuration that gives back exactly these values.

    `OmegaConf.create` alone would take a text such as `${seed}` for an interpolation.

    >>> literal_config({"name": "${seed}", "seed": 1}).name
    '${seed}'
    """
    return OmegaConf.create(escaped(values))  # type: ignore[no-any-return]


def escaped(value: Any) -> Any:
    r"""Writes a backslash before each `${` in the texts of nested values.

    >>> escaped(["${seed}", 1])
    ['\\${seed}', 1]
    """
    # A backslash that stands before "${" already is doubled.
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
