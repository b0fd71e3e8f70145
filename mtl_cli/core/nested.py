"""Nested dicts as flat dicts with dotted keys."""

from typing import Any


def flatten(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Returns the values of nested dicts by their dotted keys; an empty dict stays.

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
