"""Converts keyword arguments of `mtl_cli.train` to overrides of the command line."""

from collections.abc import Mapping
from os import PathLike, fspath

import numpy as np

from mtl_cli.config.overrides import quoted
from mtl_cli.core.errors import ConfigError
from mtl_cli.core.nested import flatten


def overrides_of(settings: Mapping[str, object]) -> list[str]:
    """Returns one override `key=value` per setting. Keys of nested dicts become dotted.

    >>> overrides_of({"model": "ple", "trainer": {"epochs": 2, "patience": None}})
    ['model=ple', 'trainer.epochs=2', 'trainer.patience=null']
    >>> overrides_of({"tasks": ["income"], "dataset.train": "my rows.csv"})
    ['tasks=[income]', "dataset.train='my rows.csv'"]
    """
    return [f"{key}={value_text(key, x)}" for key, x in flatten(settings).items()]


def value_text(key: str, value: object) -> str:
    """Writes a Python value in the syntax of Hydra's overrides.

    Raises:
        ConfigError: if a configuration cannot hold the value.
    """
    if isinstance(value, np.generic):  # a scalar of NumPy, such as `np.float32`
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
