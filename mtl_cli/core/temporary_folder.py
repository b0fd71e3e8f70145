"""Makes temporary folders, and says what to do if they are full."""

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from mtl_cli.core.errors import WriteError

FIX = "free the space, or name another folder in the environment variable TMPDIR"


@contextlib.contextmanager
def temporary_folder(prefix: str) -> Iterator[Path]:
    """Yields a new folder, which is removed at the end of the block.

    Args:
        prefix: the start of the folder's name.

    Raises:
        WriteError: if the folder cannot be made.
    """
    try:
        folder = tempfile.TemporaryDirectory(prefix=prefix)
    except OSError as error:
        reason = error.strerror or error
        raise WriteError(f"cannot make a temporary folder: {reason}; {FIX}") from None
    with folder as name:
        yield Path(name)


@contextlib.contextmanager
def named_if_full(folder: Path) -> Iterator[None]:
    """Turns the error of a full disk into a `WriteError` that names the folder.

    Args:
        folder: a temporary folder. The block writes nowhere else.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        reason = os.strerror(error.errno)
        raise WriteError(f"cannot write {folder}: {reason}; {FIX}") from None
