"""Nested dicts by dotted keys."""

from typing import Any


def flatten(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Returns nested values by dotted keys.

    >>> flatten({"trainer": {"epochs": 2}, "seed": 1})
    {'trainer.epochs': 2, 'seed': 1}
    """
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict) and value:
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat
