"""Flattens nested dicts, and converts the texts in nested values."""

from collections.abc import Callable
from typing import Any


def flatten(nested: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Turns nested dicts into one dict with dotted keys, which begin with `prefix`.

    An empty dict has no keys to flatten, so it is kept as a value.

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


def map_texts(convert: Callable[[str], str], value: Any) -> Any:
    """Returns nested dicts and lists with each text in their values converted."""
    if isinstance(value, dict):
        return {key: map_texts(convert, item) for key, item in value.items()}
    if isinstance(value, list):
        return [map_texts(convert, item) for item in value]
    return convert(value) if isinstance(value, str) else value
