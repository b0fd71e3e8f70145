"""The folder of a run: the record that outlives the process."""

import contextlib
import fcntl
import json
import os
import shutil
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from mtl_cli.core.errors import ConfigError, WriteError, first_line

STATUS = "status.json"
LOCK = ".lock"
CHECKPOINTS = "checkpoints"
UNWRITTEN = ".tmp-"


class RunFolder:
    """Writes a run's files, each whole or not at all, for one process at a time.

    The process holds a lock that the kernel frees however it ends: where the status is
    `running` and the lock is free, the run was killed.

    Args:
        path: of the folder; made if it is missing.

    Raises:
        ConfigError: if another process holds it, or it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lock = hold(path, "hydra.run.dir")
        self.record = status_of(path)
        self.earlier: float | None = None
        self.began = time.monotonic()

    def begin(self, config_hash: str) -> None:
        """Says that a run is under way; removes what an earlier one left unwritten."""
        for leftover in self.path.rglob(f"{UNWRITTEN}*"):
            leftover.unlink(missing_ok=True)
        killed = self.record.get("status") == "running"  # after nobody knows how long
        self.earlier = None if killed else self.record.get("seconds", 0.0)
        self.began = time.monotonic()
        self.record = {
            "status": "running",
            "start": self.record.get("start", now()),
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "config_hash": config_hash,
        }
        self.write_json(STATUS, self.record)

    def finish(self, status: str, error: str | None = None) -> None:
        """Writes the last word: `done`, `failed` or `interrupted`, and why.

        The seconds are those of all starts of this run; null if one was killed.
        """
        spent = time.monotonic() - self.began
        seconds = None if self.earlier is None else round(self.earlier + spent, 1)
        self.record |= {"status": status, "end": now(), "seconds": seconds}
        if error is not None:
            self.record["error"] = error
        self.write_json(STATUS, self.record)
        if status == "done":
            shutil.rmtree(self.path / CHECKPOINTS, ignore_errors=True)

    def release(self) -> None:
        """Lets other processes have the folder."""
        with contextlib.suppress(OSError):
            (self.path / LOCK).unlink()
        self.lock.close()

    def write_json(self, name: str, value: Any) -> None:
        """Writes a JSON file; NaN and infinity, which JSON lacks, are errors."""
        self.write_text(name, json.dumps(value, indent=2, allow_nan=False) + "\n")

    def write_text(self, name: str, text: str) -> None:
        """Writes a text file."""
        with self.replacing(name) as temporary:
            temporary.write_text(text, encoding="utf-8")

    @contextlib.contextmanager
    def replacing(self, name: str) -> Iterator[Path]:
        """Gives a temporary path, which takes the file's name once it is written.

        The temporary name ends as the file's does, since some writers choose a format
        by it.

        Raises:
            WriteError: if the file cannot be written.
        """
        target = self.path / name
        temporary = target.with_name(f"{UNWRITTEN}{target.name}")
        with writing(target):
            try:
                if target.parent != self.path:  # which is not made again if it has gone
                    target.parent.mkdir(exist_ok=True)
                yield temporary
                sync(temporary)
                temporary.replace(target)
                sync(target.parent)
            finally:
                temporary.unlink(missing_ok=True)


def hold(folder: Path, key: str) -> IO[str]:
    """Makes a folder if it is missing, and locks it until what is returned is closed.

    Args:
        folder: to lock.
        key: that names it, for errors.

    Raises:
        ConfigError: if another process holds it, or it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return locked(folder / LOCK)
    except BlockingIOError:
        raise ConfigError(
            f"{key}: another process is running in {folder}; wait for it, or name "
            "another folder"
        ) from None
    except OSError as error:
        raise ConfigError(
            f"{key}: cannot write to {folder}: {error.strerror}"
        ) from None


def locked(path: Path) -> IO[str]:
    """Opens a file that no other process has locked, and locks it.

    Raises:
        BlockingIOError: if another process has.
    """
    file = path.open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not os.path.samestat(os.fstat(file.fileno()), path.stat()):
            raise BlockingIOError  # its last owner has just removed it
    except OSError:
        file.close()
        raise
    return file


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Tells in one line why a file of a run cannot be written."""
    try:
        yield
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else first_line(error)
        raise WriteError(
            f"cannot write {path}: {why}; when that is mended, the same command in the "
            "same folder (hydra.run.dir) goes on"
        ) from error


def sync(path: Path) -> None:
    """Waits until a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def status_of(path: Path) -> dict[str, Any]:
    """Returns what a folder's `status.json` says; {} if there is none.

    Raises:
        ConfigError: if it cannot be read.
    """
    try:
        record = json.loads((path / STATUS).read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"hydra.run.dir: cannot read {path / STATUS}: {first_line(error)}; name "
            "another folder"
        ) from None
    return record if isinstance(record, dict) and record else {"status": "unknown"}


def has_ended(pid: int) -> bool:
    """Whether a process of this machine has ended."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:  # another user's
        pass
    return False


def now() -> str:
    """Returns the time, UTC, to the millisecond, as ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
