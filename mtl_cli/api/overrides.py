"""Converts keyword arguments of `mtl_cli.train` to overrides of the command line."""

from collections.abc import Mapping
from os import PathLike, fspath

import numpy as np
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

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
    flat = flatten(settings)
    parser = OverridesParser.create()
    for key in flat:
        try:
            parser.parse_override(f"{key}=1")
        except HydraException:
            raise unreadable_key(key, key) from None
    return [f"{key}={value_text(key, value)}" for key, value in flat.items()]


def unreadable_key(setting: str, key: str) -> ConfigError:
    """Returns the error for a key that the syntax of overrides cannot express."""
    return ConfigError(
        f"{setting}: the key '{key}' has characters that an override cannot hold; "
        "write this setting to a YAML file in ./conf"
    )


def value_text(key: str, value: object) -> str:
    """Writes a Python value in the syntax of Hydra's overrides.

    Raises:
        ConfigError: if a configuration cannot hold the value, or an override cannot.
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
        for inner in map(str, value):
            if quoted(inner) != inner:
                raise unreadable_key(key, inner)
        pairs = (f"{inner}:{value_text(key, v)}" for inner, v in value.items())
        return f"{{{','.join(pairs)}}}"
    raise ConfigError(
        f"{key}: a configuration cannot hold {type(value).__name__}; give a number, "
        "a text, a list or a dict"
    )
