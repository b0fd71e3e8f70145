"""Writes files in one step: a target is either as before or complete."""

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from mtl_cli.core.errors import WriteError, first_line

UNFINISHED_PREFIX = ".tmp-"
RESUME = (
    "mend that, then run the same command with the same hydra.run.dir to resume the run"
)


@contextlib.contextmanager
def replacing(target: Path, fix: str = RESUME) -> Iterator[Path]:
    """Yields a temporary path to write to; the written file then becomes the target.

    Both names have the same suffix, since some writers choose a format by the suffix.
    The temporary name contains the process id. So if two commands write one target at
    the same time, neither writes into the other's temporary file.

    Args:
        target: the file to write.
        fix: advice for the error message, if the file cannot be written.

    Raises:
        WriteError: if the file cannot be written.
    """
    temporary = target.with_name(f"{UNFINISHED_PREFIX}{os.getpid()}-{target.name}")
    with named_write_errors(target, fix):
        try:
            # If someone put a link here, writing would change the file it leads to.
            temporary.unlink(missing_ok=True)
            yield temporary
            sync(temporary)
            temporary.replace(target)
            sync(target.parent)
        finally:
            temporary.unlink(missing_ok=True)


def write_text(
    target: Path, text: str, fix: str = RESUME, errors: str = "strict"
) -> None:
    """Writes a file of text in UTF-8.

    Args:
        target: the file to write.
        text: the content.
        fix: advice for the error message, if the file cannot be written.
        errors: what to do with characters that UTF-8 cannot hold, see `str.encode`.

    Raises:
        WriteError: if the file cannot be written.
    """
    with replacing(target, fix) as temporary:
        temporary.write_text(text, "utf-8", errors)


@contextlib.contextmanager
def replacing_folder(
    target: Path, fix: str, check: Callable[[Path], None]
) -> Iterator[Path]:
    """Yields a temporary path as `replacing` does, for a target that may be a folder.

    An earlier target is removed only after the new target is complete.

    Args:
        target: the file or folder to write.
        fix: advice for the error message, if the target cannot be written.
        check: raises an error if the earlier target must not be removed. Its argument
            is a temporary path: the earlier target is moved there first. So nobody can
            add a file to the target between the check and the removal.

    Raises:
        WriteError: if the target cannot be written.
    """
    with (
        named_write_errors(target, fix),
        tempfile.TemporaryDirectory(
            prefix=UNFINISHED_PREFIX, dir=target.parent
        ) as folder,
    ):
        temporary = Path(folder, target.name)
        earlier = Path(folder, f".earlier{target.suffix}")
        yield temporary
        for path in (*temporary.rglob("*"), temporary):
            sync(path)
        try:
            if target.exists():
                target.rename(earlier)
                check(earlier)
            temporary.rename(target)
        except BaseException:
            if earlier.exists():
                earlier.rename(target)
            raise
        sync(target.parent)


@contextlib.contextmanager
def named_write_errors(path: Path, fix: str = RESUME) -> Iterator[None]:
    """Turns an error of the operating system into a `WriteError` that names the file.

    Args:
        path: the file that the block writes.
        fix: advice for the error message.
    """
    try:
        yield
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else first_line(error)
        raise WriteError(f"cannot write {path}: {reason}; {fix}") from error


def sync(path: Path) -> None:
    """Waits until a file, or the list of names in a folder, is stored on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
