"""Writes files whole or not at all."""

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from mtl_cli.core.errors import WriteError, first_line

UNFINISHED_PREFIX = ".tmp-"
RESUME = (
    "when that is mended, the same command in the same folder (hydra.run.dir) goes on"
)


@contextlib.contextmanager
def replacing(target: Path, fix: str = RESUME) -> Iterator[Path]:
    """Gives a temporary path; the file there becomes `target` when the block ends.

    The temporary name ends as the target's does, since some writers choose a format by
    the ending.

    Args:
        target: the file to write.
        fix: what to do if the file cannot be written, for the error.

    Raises:
        WriteError: if the file cannot be written.
    """
    temporary = target.with_name(f"{UNFINISHED_PREFIX}{target.name}")
    with named_write_errors(target, fix):
        try:
            temporary.unlink(missing_ok=True)  # it may be a link to another file
            yield temporary
            sync(temporary)
            temporary.replace(target)
            sync(target.parent)
        finally:
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def replacing_folder(
    target: Path, fix: str, check: Callable[[Path], None]
) -> Iterator[Path]:
    """As `replacing`, for a target that may be a folder.

    The earlier target is kept until the new target is whole.

    Args:
        target: the file or folder to write.
        fix: what to do if it cannot be written, for the error.
        check: raises an error if the earlier target may not be removed. The function
            receives the path that the earlier target has been moved to, so that nobody
            adds a file between the check and the removal.

    Raises:
        WriteError: if the target cannot be written.
    """
    with (
        named_write_errors(target, fix),
        tempfile.TemporaryDirectory(
            prefix=UNFINISHED_PREFIX, dir=target.parent
        ) as folder,
    ):
        temporary, earlier = (
            Path(folder, target.name),
            Path(folder, f".earlier{target.suffix}"),
        )
        yield temporary
        for path in (*temporary.rglob("*"), temporary):
            sync(path)
        if target.exists():
            target.rename(earlier)
        try:
            if earlier.exists():
                check(earlier)
            temporary.rename(target)
        except BaseException:
            if earlier.exists():
                earlier.rename(target)
            raise
        sync(target.parent)


@contextlib.contextmanager
def named_write_errors(path: Path, fix: str = RESUME) -> Iterator[None]:
    """Turns an error of the operating system into one line that names the file."""
    try:
        yield
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else first_line(error)
        raise WriteError(f"cannot write {path}: {reason}; {fix}") from error


def sync(path: Path) -> None:
    """Waits until a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
