"""The errors of mtl-cli, and the line that a command prints for an error."""

import sys
import tokenize
import warnings
import zipfile
from typing import Any

from mtl_cli.core.message_text import cut, printable
from mtl_cli.core.secrets import mask_secrets

FIX_OF_IMPORT = "run mtl-doctor, or install mtl-cli again"
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
        problem: what is wrong with the cell.
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


class CutOffJobError(JobError):
    """A job of a sweep was killed or stopped, and may succeed if it runs again."""


class StorageError(MtlError):
    """The database of a search does not answer."""


class CompleteGridError(MtlError):
    """Other sweeps have taken the last points of a grid, so this search has ended."""


class LostWorkerError(TrainingError):
    """Another process of a run no longer answers."""


class WriteError(MtlError):
    """A file of the run cannot be written."""


def tell(message: str) -> None:
    """Prints a message as one line on stderr, without secrets.

    If stderr takes no text, for example because its disk is full, the message is lost,
    but the command goes on. Only a closed pipe stops the command.
    """
    try:
        sys.stderr.write(f"{printable(mask_secrets(message))}\n")
    except BrokenPipeError:
        raise
    except OSError:
        pass


def fail(program: str, message: str, code: int) -> int:
    """Prints an error as one line on stderr, and returns `code`."""
    tell(f"{program}: error: {message}")
    return code


def warn_in_one_line() -> None:
    """Makes Python print each warning of this process as one line, without secrets.

    The text of a warning may come from a configuration of somebody else: the reference
    `${oc.deprecated:KEY,TEXT}` makes OmegaConf warn with this text.
    """

    def one_line(message: Warning | str, *_: Any, **__: Any) -> str:
        return f"warning: {printable(mask_secrets(str(message)))}\n"

    warnings.formatwarning = one_line


def system_error_message(error: OSError) -> str:
    """Returns a message about an error of the system, such as a missing file."""
    if error.filename is None:
        return f"{error.strerror}; mend that, and run the command again"
    # Secrets must be masked before the cut. Otherwise half of a secret could remain.
    path = cut(mask_secrets(str(error.filename)), max_length=300)
    return f"{path}: {error.strerror}; mend that, or name another path"


def first_line(error: BaseException) -> str:
    """Returns the first line of an error's text; without a text, the error's class."""
    text = mask_secrets(str(error))  # a secret may have several lines
    return text.strip().partition("\n")[0] or type(error).__name__
