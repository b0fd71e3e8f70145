"""Flattens nested dicts."""

from typing import Any


def flatten(nested: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Turns nested dicts into one dict with dotted keys.

    An empty dict has no keys to flatten, so it is kept as a value.

    Args:
        nested: the nested dicts.
        prefix: the start of all keys of the result.

    >>> flatten({"trainer": {"epochs": 2}, "seed": 1, "model": {}})
    {'trainer.epochs': 2, 'seed': 1, 'model': {}}
    """
    flat: dict[str, Any] = {}
    for key, value in nested.items():
        if isinstance(value, dict) and value:
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat
