"""The errors of this project, and the one line that each prints."""

import sys

from mtl_cli.core.secrets import mask_secrets

SHOWN_CHARACTERS = 60
LONGEST_LINE = 1500
# The errors that reading a damaged file may raise.
DAMAGED = (OSError, ValueError, LookupError, TypeError, AttributeError)


class MtlError(Exception):
    """An error of one line: what is wrong, where, what was expected, how to mend it."""

    exit_code = 1


class ConfigError(MtlError):
    """The command or its configuration is wrong."""

    exit_code = 2


class DataError(MtlError):
    """An input table does not fit its configuration."""

    exit_code = 2


class RowError(DataError):
    """A cell does not fit its configuration.

    Args:
        where: the part of the configuration, or the column.
        row: the row's number in the table at hand, from 0.
        problem: the fault of the cell, and how to mend it.
    """

    def __init__(self, where: str, row: int, problem: str) -> None:
        super().__init__(f"{where}: row {row + 1} {problem}")
        self.where, self.row, self.problem = where, row, problem


class TrainingError(MtlError):
    """A run that had started cannot continue."""


class JobError(MtlError):
    """A job of a sweep failed."""


class LostWorkerError(TrainingError):
    """Another process of a run no longer answers."""


class WriteError(MtlError):
    """A file of the run cannot be written."""


def shown(value: object) -> str:
    """Returns a value as Python writes it, on one line, cut if it is long."""
    value = mask_secrets(value)  # before the cut: half a secret is not masked
    is_text = isinstance(value, str)
    text = value if isinstance(value, str) else repr(value)
    if len(text) > SHOWN_CHARACTERS:
        text = text[:SHOWN_CHARACTERS] + "..."
    return repr(text) if is_text else text


def suggest(wrong: str, known: list[str]) -> str:
    """Returns "; did you mean x?" for the known word nearest to `wrong`, or ""."""
    from difflib import get_close_matches

    near = get_close_matches(wrong, known, n=1, cutoff=0.6)
    return f"; did you mean {near[0]}?" if near else ""


def fail(program: str, message: str, code: int) -> int:
    """Prints an error in one line; returns the exit code."""
    sys.stderr.write(f"{program}: error: {printable(mask_secrets(message))}\n")
    return code


def first_line(error: BaseException) -> str:
    """Returns the first line of an error's text, or the name of its class."""
    return str(error).strip().partition("\n")[0] or type(error).__name__


def printable(text: str) -> str:
    """Returns a text on one line, cut if it is very long."""
    text = text if len(text) <= LONGEST_LINE else text[:LONGEST_LINE] + "..."
    return visible(text)


def visible(text: str) -> str:
    """Returns a text on one line, without characters that control a terminal."""
    return "".join(c if c.isprintable() else " " for c in text)
