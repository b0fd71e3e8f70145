"""Keyword settings of Python as overrides of the command line."""

import re
from collections.abc import Mapping
from os import PathLike, fspath
from typing import Any

from mtl_cli.core.errors import ConfigError

# Hydra reads such words as text, without quotes.
PLAIN_WORD = re.compile(r"[A-Za-z_][\w./-]*", re.ASCII)
NOT_TEXT = {"null", "none", "true", "false", "nan", "inf"}


def overrides_of(settings: Mapping[str, Any]) -> list[str]:
    """Returns `key=value` for each setting; dicts become dotted keys.

    >>> overrides_of({"model": "ple", "trainer": {"epochs": 2, "patience": None}})
    ['model=ple', 'trainer.epochs=2', 'trainer.patience=null']
    >>> overrides_of({"tasks": ["income"], "dataset.train": "my rows.csv"})
    ['tasks=[income]', "dataset.train='my rows.csv'"]
    """
    overrides = []
    for key, value in settings.items():
        if isinstance(value, Mapping) and value:
            nested = {f"{key}.{name}": inner for name, inner in value.items()}
            overrides += overrides_of(nested)
        else:
            overrides.append(f"{key}={value_text(key, value)}")
    return overrides


def value_text(key: str, value: Any) -> str:
    """Returns a value as Hydra's command line writes it.

    Raises:
        ConfigError: if a configuration cannot hold the value.
    """
    if hasattr(value, "item"):  # a number of NumPy
        value = value.item()
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, PathLike):
        value = fspath(value)
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, list | tuple):
        return f"[{','.join(value_text(key, inner) for inner in value)}]"
    if isinstance(value, Mapping):
        pairs = (f"{quoted(str(k))}:{value_text(key, v)}" for k, v in value.items())
        return f"{{{','.join(pairs)}}}"
    raise ConfigError(
        f"{key}: a configuration cannot hold {type(value).__name__}; give a number, "
        "a text, a list or a dict"
    )


def quoted(text: str) -> str:
    r"""Returns a text so that Hydra reads exactly this text, in quotes if need be.

    >>> [quoted(text) for text in ("ple", "1", "null", "it's", "a,b")]
    ['ple', "'1'", "'null'", "'it\\'s'", "'a,b'"]
    """
    if PLAIN_WORD.fullmatch(text) and text.lower() not in NOT_TEXT:
        return text
    # A backslash escapes only in front of a quote, and at the end of the text.
    escaped = re.sub(r"(\\*)(')", r"\1\1\\\2", text)
    escaped = re.sub(r"(\\+)$", r"\1\1", escaped)
    return f"'{escaped}'"
