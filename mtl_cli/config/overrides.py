"""Overrides: the `key=value` settings of a command line."""

import re
from collections.abc import Mapping
from os import PathLike, fspath

from mtl_cli.core.errors import ConfigError

# Sections with keys that may be absent from all YAML files.
OPEN_SECTIONS = ("dataset.", "compare.")
# {key that can add runs to a job: the value with which the key adds no runs}
KEYS_THAT_ADD_RUNS = {
    "repeats": "1",
    "compare.single_task": "false",
    "compare.scenarios": "[]",
}
# Hydra reads a word that matches this pattern as text, except the words in `NOT_TEXT`.
PLAIN_WORD = re.compile(r"[A-Za-z_][\w./-]*", re.ASCII)
NOT_TEXT = {"null", "none", "true", "false", "nan", "inf"}


def with_add_prefix(setting: str) -> str:
    """Puts `++` before a setting of an open section, so that it can add a key."""
    return f"++{setting}" if setting.startswith(OPEN_SECTIONS) else setting


def without_added_prefix(text: str) -> str:
    """Removes the prefix of `with_add_prefix` from an override or from a message.

    >>> without_added_prefix("++dataset.features.age.kind=dense")
    'dataset.features.age.kind=dense'
    """
    for section in OPEN_SECTIONS:
        text = text.replace(f"++{section}", section)
    return text


def without_signs(setting: str) -> str:
    """Returns a setting without the signs `+` (adds a key) and `~` (removes a key)."""
    return setting.lstrip("+~")


def key_of_setting(setting: str) -> str:
    """Returns the key of a setting, without Hydra's signs.

    >>> key_of_setting("++dataset.train=a.csv")
    'dataset.train'
    """
    return without_signs(setting).partition("=")[0]


def adds_runs(setting: str) -> bool:
    """Whether a setting adds runs to a single run, as `repeats=3` does."""
    key, _, value = setting.lstrip("+").partition("=")
    value_without_runs = KEYS_THAT_ADD_RUNS.get(key)
    value = value.lower().replace(" ", "")  # `[ ]` is an empty list too
    return value_without_runs is not None and value != value_without_runs


def quoted(text: str) -> str:
    r"""Returns a text as the value of an override, in quotes if they are needed.

    >>> [quoted(text) for text in ("ple", "1", "null", "it's", "a,b")]
    ['ple', "'1'", "'null'", "'it\\'s'", "'a,b'"]
    """
    if PLAIN_WORD.fullmatch(text) and text.lower() not in NOT_TEXT:
        return text
    from hydra.core.override_parser.types import Quote, QuotedString

    return QuotedString(text, Quote.single).with_quotes()


def unreadable_key_error(setting: str, key: str) -> ConfigError:
    """Returns the error for a key such as `1` or `null`: Hydra would read no text.

    `key` is `setting` itself, or a key of a mapping in the setting's value.
    """
    return ConfigError(
        f"{setting}: an override cannot hold '{key}' as a key; write this setting to a "
        "YAML file in ./conf"
    )


def override_text(key: str, value: object) -> str:
    """Returns a Python value in the syntax of Hydra's overrides.

    `key` is the dotted key of the setting, for messages.
    """
    # A scalar of NumPy, such as `np.float32(0.5)`. An `isinstance` check would import
    # NumPy, and slow `--help` down.
    if type(value).__module__ == "numpy" and getattr(value, "ndim", None) == 0:
        value = value.item()  # type: ignore[attr-defined]
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
        return f"[{','.join(override_text(key, item) for item in value)}]"
    if isinstance(value, Mapping):
        for name in map(str, value):
            if quoted(name) != name:
                raise unreadable_key_error(key, name)
        pairs = (f"{name}:{override_text(key, item)}" for name, item in value.items())
        return f"{{{','.join(pairs)}}}"
    fix = "give a number, a text, a list or a dict"
    if hasattr(value, "__arrow_c_stream__"):
        # A resumed run reads its rows again, so they must be in a file.
        fix = "write the table to a file, such as by to_parquet, and give its path"
    raise ConfigError(
        f"{key}: a configuration cannot hold {type(value).__name__}; {fix}"
    )
