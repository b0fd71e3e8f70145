"""Writes files in one step: an interrupted write leaves the old file unchanged.

Also replaces folders, and makes temporary folders.
"""

import contextlib
import errno
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from mtl_cli.core.errors import ConfigError, WriteError, first_line

UNFINISHED_PREFIX = ".tmp-"
RESUME = (
    "run the same command with the same hydra.run.dir (for a sweep: hydra.sweep.dir) "
    "to resume the run"
)
RUN_AGAIN = "mend that, and run the command again"
# The error numbers of a full disk, of a user's full disk quota, and of a file that is
# above the limit of its size.
FULL_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
FREE_SPACE = "free the space, or name another folder in the environment variable TMPDIR"


def check_folder_of(target: Path, message_start: str = "") -> None:
    """Raises a `ConfigError` if the folder of a target is missing or not writable."""
    try:
        # To root, `os.access` says that folders such as /sys can be written.
        tempfile.TemporaryFile(dir=target.parent).close()
    except OSError as error:
        raise ConfigError(
            f"{message_start}the folder {target.parent} cannot be written: "
            f"{error.strerror or first_line(error)}; choose another folder"
        ) from None


def check_target_name(target: Path, message_start: str = "") -> None:
    """Refuses a target such as `folder/..`: a new folder cannot replace it."""
    if target.name in ("", ".."):
        raise ConfigError(
            f"{message_start}'{target}' does not end in a name; give the name of the "
            "file or folder to write"
        )


@contextlib.contextmanager
def replacing(target: Path, fix: str | None = None) -> Iterator[Path]:
    """Yields a temporary path to write to; the written file then becomes the target.

    The temporary path has the target's suffix, since some writers choose a format by
    the suffix. The path also contains the process id, so that two commands that write
    one target do not write into the same temporary file.

    For `fix` and the errors, see `named_write_errors`.
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
    target: Path, text: str, fix: str | None = None, errors: str = "strict"
) -> None:
    """Writes a text in UTF-8; see `replacing` and, for `errors`, `str.encode`."""
    with replacing(target, fix) as temporary:
        temporary.write_text(text, "utf-8", errors)


@contextlib.contextmanager
def replacing_folder(target: Path, check: Callable[[Path], None]) -> Iterator[Path]:
    """Yields a temporary path as `replacing` does, for a target that may be a folder.

    Missing folders above the target are made. An earlier target is removed only after
    the new target is complete. The earlier target is moved to a temporary path before
    it is checked, so that nobody can add a file between the check and the removal. A
    `WriteError` of the block that names the temporary path names the target instead.

    Args:
        target: the file or folder to write.
        check: a function that gets the temporary path of the earlier target. If the
            earlier target must stay, the function raises a `ConfigError`. The earlier
            target is then moved back, and the error names `target`.
    """
    with named_write_errors(target, RUN_AGAIN):
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(
            prefix=UNFINISHED_PREFIX, dir=target.parent
        ) as folder:
            # Both paths have the suffix of the target, since some functions choose a
            # format by the suffix.
            temporary = Path(folder, target.name)
            earlier = Path(folder, f".earlier{target.suffix}")
            try:
                yield temporary
            except WriteError as error:
                text = str(error).replace(str(temporary), str(target))
                raise WriteError(text) from error.__cause__
            for path in (*temporary.rglob("*"), temporary):
                sync(path)
            try:
                if target.exists():
                    target.rename(earlier)
                    check(earlier)
                temporary.rename(target)
            except BaseException as error:
                if earlier.exists():  # the earlier target goes back to its path
                    earlier.rename(target)
                if isinstance(error, ConfigError):
                    text = str(error).replace(str(earlier), str(target))
                    raise ConfigError(text) from None
                raise
            sync(target.parent)


@contextlib.contextmanager
def named_write_errors(path: Path, fix: str | None = None) -> Iterator[None]:
    """Turns an error of the operating system into a `WriteError` that names a file.

    `fix` is what the user can do. None is for a file of a run: the message then says
    how to resume the run.
    """
    try:
        yield
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else first_line(error)
        advice = fix or f"mend that, then {RESUME}"
        raise WriteError(f"cannot write {path}: {reason}; {advice}") from error


def sync(path: Path) -> None:
    """Waits until a file, or the list of names in a folder, is stored on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def temporary_folder(prefix: str) -> Iterator[Path]:
    """Yields a new folder, and removes the folder at the end of the block.

    The error of a full disk becomes a `WriteError` that names the folder.
    """
    try:
        folder = tempfile.TemporaryDirectory(prefix=prefix)
    except OSError as error:
        reason = error.strerror or error
        raise WriteError(
            f"cannot make a temporary folder: {reason}; {FREE_SPACE}"
        ) from None
    with folder as name:
        try:
            yield Path(name)
        except OSError as error:
            if error.errno not in FULL_DISK:
                raise
            with named_write_errors(Path(name), FREE_SPACE):
                raise
