"""Overrides: the `key=value` settings of a command line."""

from pathlib import Path

# Hydra's sign for a key that the configuration may not hold yet.
ADD_OR_CHANGE = "++"


def as_typed(text: str) -> str:
    """Returns an override, or a message about it, as the user typed it.

    Hydra refuses to change a key that no YAML file holds. The keys of features and
    tasks have defaults and may be absent from the YAML file of a data set, so
    `mtl-train` puts `++` before every `dataset.` override.

    >>> as_typed("++dataset.features.age.kind=dense")
    'dataset.features.age.kind=dense'
    """
    return text.replace(f"{ADD_OR_CHANGE}dataset.", "dataset.")


def quoted(path: Path) -> str:
    """Returns a path quoted as the value of an override."""
    return "'" + str(path).replace("'", r"\'") + "'"
