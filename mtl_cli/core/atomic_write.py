"""Writes files in one step: an interrupted write leaves the old file unchanged.

Also replaces folders, and makes temporary folders.
"""

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from mtl_cli.core.errors import ConfigError, WriteError, first_line, fix_for

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
    folder = target.parent
    if not folder.exists():
        raise ConfigError(
            f"{message_start}there is no folder {folder}; make this folder first"
        )
    if not folder.is_dir():
        raise ConfigError(
            f"{message_start}{folder} is a file, not a folder; choose another folder"
        )
    try:
        # To root, `os.access` says that folders such as /sys can be written.
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise ConfigError(
            f"{message_start}the folder {folder} cannot be written: "
            f"{error.strerror or first_line(error)}; choose another folder"
        ) from None


@contextlib.contextmanager
def replacing(
    target: Path, fix: str | None = None, may_replace: bool = True
) -> Iterator[Path]:
    """Yields a temporary path to write to; the written file then becomes the target.

    The temporary path has the target's suffix, since some writers choose a format by
    the suffix. The path also contains the process id, so that two commands that write
    one target do not write into the same temporary file.

    Args:
        target: the file to write.
        fix: what the user can do about an error, for its message; see `fix_for`. None
            for a file of a run: the message then says how to resume the run.
        may_replace: whether the written file may replace an earlier target.

    Raises:
        WriteError: if the system cannot write the file.
        ConfigError: if the target exists and `may_replace` is False: another command
            has just written the target.
    """
    temporary = target.with_name(f"{UNFINISHED_PREFIX}{os.getpid()}-{target.name}")
    with named_write_errors(target, fix):
        try:
            # If someone put a link here, writing would change the file it leads to.
            temporary.unlink(missing_ok=True)
            yield temporary
            sync(temporary)
            if may_replace:
                temporary.replace(target)
            else:
                link_to_new(temporary, target)
            sync(target.parent)
        finally:
            temporary.unlink(missing_ok=True)


def link_to_new(file: Path, target: Path) -> None:
    """Adds the name `target` to a file; raises a `ConfigError` if `target` exists.

    After a hard link, the file also keeps its old name; the caller removes this name.
    """
    try:
        # Unlike `Path.rename`, a hard link never replaces a file.
        target.hardlink_to(file)
    except OSError as error:
        # Other errors may come from a file system without hard links. Such a file
        # system may not report that the target exists, so the path itself is checked.
        # Another command may still write the target between this check and `replace`.
        if isinstance(error, FileExistsError) or target.exists():
            raise ConfigError(
                f"{target} exists, because another command has just written it; name "
                "another file"
            ) from None
        file.replace(target)


def write_text(
    target: Path,
    text: str,
    fix: str | None = None,
    errors: str = "strict",
    may_replace: bool = True,
) -> None:
    """Writes a text in UTF-8; see `replacing` and, for `errors`, `str.encode`."""
    with replacing(target, fix, may_replace) as temporary:
        temporary.write_text(text, "utf-8", errors)


@contextlib.contextmanager
def replacing_folder(target: Path, check: Callable[[Path], None]) -> Iterator[Path]:
    """Yields a temporary path as `replacing` does, for a target that may be a folder.

    Missing folders above the target are made, and removed again after an error. An
    earlier target is removed only after the new target is complete. The earlier target
    is moved to a temporary path before it is checked, so that nobody can add a file
    between the check and the removal.

    Args:
        target: the file or folder to write.
        check: a function that gets the temporary path of the earlier target. If the
            earlier target must stay, the function raises a `ConfigError`. The earlier
            target is then moved back, and the error names `target`.
    """
    with (
        named_write_errors(target, RUN_AGAIN),
        made_folders(target.parent),
        tempfile.TemporaryDirectory(
            prefix=UNFINISHED_PREFIX, dir=target.parent
        ) as folder,
    ):
        # Both paths have the suffix of the target, since some functions choose a format
        # by the suffix.
        temporary = Path(folder, target.name)
        earlier = Path(folder, f".earlier{target.suffix}")
        yield temporary
        for path in (*temporary.rglob("*"), temporary):
            sync(path)
        try:
            if target.exists():
                target.rename(earlier)
                try:
                    check(earlier)
                except ConfigError as error:
                    text = str(error).replace(str(earlier), str(target))
                    raise ConfigError(text) from None
            temporary.rename(target)
        except BaseException:
            if earlier.exists():  # the earlier target goes back to its path
                earlier.rename(target)
            raise
        sync(target.parent)


@contextlib.contextmanager
def made_folders(folder: Path) -> Iterator[None]:
    """Makes a folder and the missing folders above it; removes these after an error."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:
        for path in missing:
            # The folder stays if another program has written into it.
            with contextlib.suppress(OSError):
                path.rmdir()
        raise


@contextlib.contextmanager
def named_write_errors(path: Path, fix: str | None = None) -> Iterator[None]:
    """Turns an error of the operating system into a `WriteError` that names a file."""
    try:
        yield
    except OSError as error:
        # The error of `shutil.copytree` holds a list of errors. The errors of other
        # functions of `shutil` hold a text.
        if isinstance(error, shutil.Error) and isinstance(error.args[0], list):
            (_source, _target, reason), *_ = error.args[0]
        else:
            reason = os.strerror(error.errno) if error.errno else first_line(error)
        advice = fix_for(error, fix or "mend that")
        if fix is None:
            advice += f", then {RESUME}"
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
    """Yields a new folder, and removes the folder at the end of the block."""
    try:
        folder = tempfile.TemporaryDirectory(prefix=prefix)
    except OSError as error:
        reason = error.strerror or error
        raise WriteError(
            f"cannot make a temporary folder: {reason}; {fix_for(error, FREE_SPACE)}"
        ) from None
    with folder as name:
        yield Path(name)


@contextlib.contextmanager
def naming_full_disk(folder: Path) -> Iterator[None]:
    """Turns the error of a full disk into a `WriteError` that names the folder."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL_DISK:
            raise
        reason = os.strerror(error.errno)
        fix = fix_for(error, FREE_SPACE)
        raise WriteError(f"cannot write {folder}: {reason}; {fix}") from None
