"""Overrides: the `key=value` settings of a command line."""

import re

# Hydra's sign for a key that the configuration may not hold yet.
ADD_OR_CHANGE = "++"
# Sections with keys that no YAML file may hold.
OPEN_SECTIONS = ("dataset.", "compare.")
# {key that adds runs to a job: the value that adds none}
ADDED_RUNS = {
    "repeats": "1",
    "compare.single_task": "false",
    "compare.scenarios": "[]",
}
# Hydra reads a word that matches as text, unless the word is one of `NOT_TEXT`.
PLAIN_WORD = re.compile(r"[A-Za-z_][\w./-]*", re.ASCII)
NOT_TEXT = {"null", "none", "true", "false", "nan", "inf"}


def as_typed(text: str) -> str:
    """Returns an override, or a message about an override, as the user typed it.

    Hydra refuses to change a key that no YAML file holds. Keys of data sets and of
    `compare` have defaults and may be absent from the YAML files, so `mtl-train` puts
    `++` before every override of these sections.

    >>> as_typed("++dataset.features.age.kind=dense")
    'dataset.features.age.kind=dense'
    """
    for section in OPEN_SECTIONS:
        text = text.replace(f"{ADD_OR_CHANGE}{section}", section)
    return text


def quoted(text: str) -> str:
    r"""Returns a text as the value of an override, in quotes if Hydra needs them.

    >>> [quoted(text) for text in ("ple", "1", "null", "it's", "a,b")]
    ['ple', "'1'", "'null'", "'it\\'s'", "'a,b'"]
    """
    if PLAIN_WORD.fullmatch(text) and text.lower() not in NOT_TEXT:
        return text
    # For Hydra a backslash is an escape only before a quote and at the end of the text.
    escaped = re.sub(r"(\\*)'", r"\1\1\\'", text)
    escaped = re.sub(r"(\\+)$", r"\1\1", escaped)
    return f"'{escaped}'"
