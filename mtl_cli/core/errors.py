"""What can go wrong, by the exit code it leads to."""

import sys

from mtl_cli.core.secrets import masked

SHOWN_CHARACTERS = 60
LONGEST_LINE = 1500
# What reading a file raises that is not as it was written.
DAMAGED = (OSError, ValueError, LookupError, TypeError, AttributeError)


class MtlError(Exception):
    """An error told in one line: what, where, what was expected, how to mend it."""

    exit_code = 1


class ConfigError(MtlError):
    """The command or its configuration is wrong."""

    exit_code = 2


class DataError(MtlError):
    """An input table is not what its configuration says."""

    exit_code = 2


class RowError(DataError):
    """A cell is not what its configuration says.

    Args:
        where: the part of the configuration, or the column.
        row: number in the table that was looked at, from 0.
        what: is wrong, and how to mend it.
    """

    def __init__(self, where: str, row: int, what: str) -> None:
        super().__init__(f"{where}: row {row + 1} {what}")
        self.where, self.row, self.what = where, row, what


class TrainingError(MtlError):
    """A run that had started cannot go on."""


class JobError(MtlError):
    """A job of a sweep failed."""


class LostWorkerError(TrainingError):
    """Another process of a run no longer answers."""


class WriteError(MtlError):
    """A file of the run cannot be written."""


def shown(value: object) -> str:
    """Returns a value as Python writes it, on one line, cut where it is long."""
    value = masked(value)  # before it is cut, which could leave a part
    if isinstance(value, str):
        long = len(value) > SHOWN_CHARACTERS
        return repr(value[:SHOWN_CHARACTERS] + "..." if long else value)
    text = repr(value)
    long = len(text) > SHOWN_CHARACTERS
    return text[:SHOWN_CHARACTERS] + "..." if long else text


def suggest(wrong: str, known: list[str]) -> str:
    """Returns "; did you mean x?" for the known word nearest to `wrong`, or ""."""
    from difflib import get_close_matches

    near = get_close_matches(wrong, known, n=1, cutoff=0.6)
    return f"; did you mean {near[0]}?" if near else ""


def fail(program: str, message: str, code: int) -> int:
    """Prints an error in one line; returns the exit code."""
    sys.stderr.write(f"{program}: error: {printable(masked(message))}\n")
    return code


def first_line(error: BaseException) -> str:
    """Returns the first line of an error's text, or its name."""
    return str(error).strip().partition("\n")[0] or type(error).__name__


def printable(text: str) -> str:
    """Returns a text on one line, cut where it is very long."""
    text = text if len(text) <= LONGEST_LINE else text[:LONGEST_LINE] + "..."
    return visible(text)


def visible(text: str) -> str:
    """Returns a text without what would steer a terminal, on one line."""
    return "".join(c if c.isprintable() else " " for c in text)
