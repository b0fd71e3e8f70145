"""The errors of mtl-cli, and the line that a command prints for an error."""

import sys
import tokenize
import warnings
import zipfile
from collections.abc import Iterable
from typing import Any

from mtl_cli.core.secrets import mask_secrets

SHOWN_CHARACTERS = 60  # of a value in a message
LONGEST_LINE = 1500  # characters
MAX_ITEMS = 8  # of a list in a message
# The errors that a reader may raise if its file is damaged.
DAMAGED_FILE_ERRORS = (
    OSError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    MemoryError,
    RuntimeError,  # of h5py and zipfile; a RecursionError is one too
    zipfile.BadZipFile,
    # NumPy reads the header of an array as Python, and raises these two errors.
    SyntaxError,
    tokenize.TokenError,
)


class MtlError(Exception):
    """An error with a one-line message for the user.

    The message says where the error is (the key or the file), what is wrong, what was
    expected, and how to mend it.
    """

    exit_code = 1


class ConfigError(MtlError):
    """The command or its configuration is wrong."""

    exit_code = 2


class DataError(MtlError):
    """An input table does not fit its configuration."""

    exit_code = 2


class RowError(DataError):
    """A cell of an input table does not fit the configuration.

    Args:
        message_start: the key, or the file and the column, that holds the cell.
        row: the index of the row, from 0. The message counts rows from 1.
        problem: what is wrong with the cell, and what the user can do.
    """

    def __init__(self, message_start: str, row: int, problem: str) -> None:
        super().__init__(f"{message_start}: row {row + 1} {problem}")
        self.message_start, self.row, self.problem = message_start, row, problem


class TrainingError(MtlError):
    """A run that had started cannot continue."""


class ExportError(MtlError):
    """An exported model does not predict as its run does."""


class JobError(MtlError):
    """A job of a sweep failed."""


class StorageError(MtlError):
    """The database of a search does not answer."""


class LostWorkerError(TrainingError):
    """Another process of a run no longer answers."""


class WriteError(MtlError):
    """A file of the run cannot be written."""


def shown(value: object) -> str:
    """Returns the `repr` of a value for a message: secrets masked, long values cut."""
    # Secrets must be masked before the cut. Otherwise half of a secret could remain.
    masked = mask_secrets(value)
    if isinstance(masked, str):
        return repr(cut(masked, SHOWN_CHARACTERS))
    return cut(repr(masked), SHOWN_CHARACTERS)


def cut(text: str, max_length: int) -> str:
    """Cuts a text after `max_length` characters; "..." then stands for the rest."""
    return text if len(text) <= max_length else text[:max_length] + "..."


def comma_list(items: Iterable[str], max_items: int = MAX_ITEMS) -> str:
    """Joins items by commas; after `max_items` items follows a text like `and 3 more`.

    >>> comma_list(["a", "b", "c"], max_items=2)
    'a, b and 1 more'
    """
    all_items = list(items)
    num_left_out = len(all_items) - max_items
    text = ", ".join(all_items[:max_items])
    return f"{text} and {num_left_out} more" if num_left_out > 0 else text


def with_names(text: str, names: list[str]) -> list[str]:
    """Returns a list with the line `TEXT: NAME, NAME`, or [] if there are no names.

    The names are of runs, tasks or features, for example. A number in brackets may
    follow a name, as in "age (0.31)".
    """
    return [f"{text}: {comma_list(names)}"] if names else []


def suggest(wrong: str, names: list[str], cutoff: float = 0.6) -> str:
    """Returns "; did you mean NAME?" for the name most similar to `wrong`, or "".

    >>> suggest("cities", ["user", "city"])
    '; did you mean city?'
    >>> suggest("CITY", ["user", "city"])
    '; did you mean city?'
    """
    similar = most_similar(wrong, names, cutoff)
    return "" if similar is None else f"; did you mean {similar}?"


def most_similar(wrong: str, names: list[str], cutoff: float) -> str | None:
    """Returns the name most similar to `wrong`, or None if no name is similar.

    Names are compared with their case first, then without. `cutoff` is the similarity
    that a name needs, from 0 to 1.
    """
    from difflib import get_close_matches

    for convert in (str, str.lower):
        # The dict keeps the first of several names that differ only in case.
        by_converted = {convert(name): name for name in reversed(names)}
        similar = get_close_matches(convert(wrong), by_converted, n=1, cutoff=cutoff)
        if similar:
            return by_converted[similar[0]]
    return None


def unknown_name_message(kind: str, name: str, owner: str, names: list[str]) -> str:
    """Returns a message about an unknown name. The message lists all known names.

    >>> unknown_name_message("task", "bui", "this run", ["click", "buy"])
    "no task 'bui' in this run, which has click, buy; did you mean buy?"
    """
    choices = ", ".join(names) or "none"
    return f"no {kind} {name!r} in {owner}, which has {choices}{suggest(name, names)}"


def fail(program: str, message: str, code: int) -> int:
    """Prints an error as one line on stderr, and returns the exit code `code`."""
    sys.stderr.write(f"{program}: error: {printable(mask_secrets(message))}\n")
    return code


def warn_in_one_line() -> None:
    """Makes Python print each warning of this process as one line, without secrets.

    The text of a warning may come from a configuration of somebody else: the reference
    `${oc.deprecated:KEY,TEXT}` makes OmegaConf warn with this text.
    """

    def one_line(message: Warning | str, *_: Any, **__: Any) -> str:
        return f"warning: {printable(mask_secrets(str(message)))}\n"

    warnings.formatwarning = one_line


def not_utf8_message(error: UnicodeEncodeError) -> str:
    """Returns the message about the name of a file or folder that is not UTF-8.

    Python reads the bytes of such a name as surrogate characters, which it cannot
    encode again as UTF-8.
    """
    start = max(0, error.start - SHOWN_CHARACTERS // 2)
    before = error.object[start : error.start].rpartition("\n")[2]
    after = error.object[error.start :].partition("\n")[0]
    return f"{shown(before + after)} is not UTF-8; rename the file or the folder"


def first_line(error: BaseException) -> str:
    """Returns the first line of an error's text; without a text, the error's class."""
    text = mask_secrets(str(error))  # a secret may have several lines
    return text.strip().partition("\n")[0] or type(error).__name__


def printable(text: str) -> str:
    """Returns a text without line breaks and control characters, cut if it is long."""
    return visible(cut(text, LONGEST_LINE))


def visible(text: str) -> str:
    """Replaces each line break and each control character by a blank."""
    return "".join(c if c.isprintable() else " " for c in text)
