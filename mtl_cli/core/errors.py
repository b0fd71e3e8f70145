"""The errors of this project, and the line of text that a command prints for each."""

import sys
import zipfile

from mtl_cli.core.secrets import mask_secrets

SHOWN_CHARACTERS = 60
LONGEST_LINE = 1500
# The errors that reading a damaged file may raise.
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
)


class MtlError(Exception):
    """An error with a one-line message for the user.

    The message says what is wrong, in which key or file, what was expected, and how to
    mend the fault.
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
        message_start: the key of the configuration, or the file and the column.
        row: the row's number in the table that was read, from 0.
        problem: the fault of the cell, and how to mend it.
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
    """The data base of a search does not answer."""


class LostWorkerError(TrainingError):
    """Another process of a run no longer answers."""


class WriteError(MtlError):
    """A file of the run cannot be written."""


def shown(value: object) -> str:
    """Returns a value as Python writes it, on one line, cut if it is long."""
    # Secrets are masked before the cut: the cut could leave half of a secret.
    masked = mask_secrets(value)
    if isinstance(masked, str):
        return repr(cut(masked, SHOWN_CHARACTERS))
    return cut(repr(masked), SHOWN_CHARACTERS)


def cut(text: str, max_length: int) -> str:
    """Returns a text; of a longer text, `max_length` characters followed by "..."."""
    return text if len(text) <= max_length else text[:max_length] + "..."


def suggest(wrong: str, names: list[str]) -> str:
    """Returns "; did you mean NAME?" for the name most similar to `wrong`, or "".

    A name that is similar with equal upper and lower case comes first.

    >>> suggest("cities", ["user", "city"])
    '; did you mean city?'
    >>> suggest("CITY", ["user", "city"])
    '; did you mean city?'
    """
    from difflib import get_close_matches

    for spelled in (str, str.lower):
        by_spelling = {spelled(name): name for name in reversed(names)}
        similar = get_close_matches(spelled(wrong), by_spelling, n=1, cutoff=0.6)
        if similar:
            return f"; did you mean {by_spelling[similar[0]]}?"
    return ""


def unknown_name(kind: str, name: str, owner: str, names: list[str]) -> str:
    """Returns what is wrong with a name, the known names, and the most similar one.

    >>> unknown_name("task", "bui", "this run", ["click", "buy"])
    "no task 'bui' in this run, which has click, buy; did you mean buy?"
    """
    choices = ", ".join(names)
    return f"no {kind} {name!r} in {owner}, which has {choices}{suggest(name, names)}"


def fail(program: str, message: str, code: int) -> int:
    """Prints an error in one line on stderr, and returns the exit code."""
    sys.stderr.write(f"{program}: error: {printable(mask_secrets(message))}\n")
    return code


def line_and_code(error: MtlError | OSError) -> tuple[str, int]:
    """Returns the line that tells an error, and the exit code of the command.

    Args:
        error: an error of this project, or one of the operating system about a path
            that the user has named, such as a name that is too long.

    Raises:
        OSError: if the error of the operating system names no path.
    """
    if isinstance(error, MtlError):
        return str(error), error.exit_code
    if error.filename is None:
        raise error
    return f"{shown(str(error.filename))}: {error.strerror}; name another", 2


def first_line(error: BaseException) -> str:
    """Returns the first line of an error's text, or the name of its class."""
    text = mask_secrets(str(error))  # before a secret of several lines is cut
    return text.strip().partition("\n")[0] or type(error).__name__


def printable(text: str) -> str:
    """Returns a text on one line, cut if it is very long."""
    return visible(cut(text, LONGEST_LINE))


def visible(text: str) -> str:
    """Returns a text with a blank for each line break or terminal control character."""
    return "".join(c if c.isprintable() else " " for c in text)
