"""The folder of a run, and the record in it that outlives the process."""

import contextlib
import json
import os
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mtl_cli.core.atomic_write import UNFINISHED_PREFIX, named_write_errors, replacing
from mtl_cli.core.errors import ConfigError, first_line
from mtl_cli.core.folder_lock import LOCK_NAME, lock_folder
from mtl_cli.core.other_files import UnsafeFileError, check_entries, read_json
from mtl_cli.core.secrets import mask_secrets

STATUS = "status.json"
LOG = "train.log"
CHECKPOINTS = "checkpoints"
# The values that a run has taken from an earlier run, see `runs/earlier_run.py`.
START_FROM = "start_from.json"
SUBFOLDERS = (CHECKPOINTS, "model", "plots")
# A process that was killed as it started leaves no other file than these.
FIRST_FILES = (LOCK_NAME, LOG, f"{UNFINISHED_PREFIX}{STATUS}")
STATES = ("running", "done", "failed", "interrupted")


class RunFolder:
    """Writes a run's files, each whole or not at all, for one process at a time.

    A folder whose status is `running` and whose lock is free holds a run that was
    killed.

    Args:
        path: the path of the folder; the folder is made if it is missing.

    Raises:
        ConfigError: if another process holds the folder, if it is not writable, or if
            it holds files that no run writes.
    """

    def __init__(self, path: Path) -> None:
        check_run_folder(path)
        self.path = path
        self.lock = lock_folder(path, "hydra.run.dir")
        self.record = status_of(path)
        self.earlier_seconds: float | None = None
        self.began = time.monotonic()

    def begin(self, config_hash: str) -> None:
        """Records that a run is under way; removes files that were left unfinished."""
        for folder in (self.path, *(self.path / name for name in SUBFOLDERS)):
            for leftover in folder.glob(f"{UNFINISHED_PREFIX}*"):
                leftover.unlink(missing_ok=True)
        # Nobody knows how long a killed process had run.
        killed = self.record.get("status") == "running"
        self.earlier_seconds = None if killed else self.record.get("seconds", 0.0)
        self.began = time.monotonic()
        self.record = {
            "status": "running",
            "start": self.record.get("start", now()),
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "config_hash": config_hash,
        }
        self.write_json(STATUS, self.record)

    def forget_run(self) -> None:
        """Makes room for another run; `train.log` is kept, and is appended to."""
        for name in ("config.yaml", "environment.json", "data_report.json", STATUS):
            (self.path / name).unlink(missing_ok=True)
        self.record = {}

    def finish(self, status: str, error: str | None = None) -> None:
        """Records the end: `done`, `failed` or `interrupted`, and the reason.

        The seconds add up all starts of this run; null if one of them was killed.
        """
        seconds = None
        if self.earlier_seconds is not None:
            seconds = round(self.earlier_seconds + time.monotonic() - self.began, 1)
        self.record |= {"status": status, "end": now(), "seconds": seconds}
        if error is not None:
            self.record["error"] = error
        self.write_json(STATUS, self.record)
        if status == "done":
            remove_checkpoints(self.path)

    def release(self) -> None:
        """Lets other processes have the folder."""
        with contextlib.suppress(OSError):
            (self.path / LOCK_NAME).unlink()
        self.lock.close()

    def write_json(self, name: str, value: Any) -> None:
        """Writes a JSON file without secrets; NaN and infinity raise an error."""
        text = json.dumps(mask_secrets(value), indent=2, allow_nan=False)
        self.write_text(name, f"{text}\n")

    def write_text(self, name: str, text: str) -> None:
        """Writes a text file."""
        with self.replacing(name) as temporary:
            temporary.write_text(text, encoding="utf-8")

    @contextlib.contextmanager
    def replacing(self, name: str) -> Iterator[Path]:
        """Gives a temporary path for a file of the run, as `atomic_write.replacing`.

        A missing subfolder is made. The run folder itself is not made again.
        """
        target = self.path / name
        if target.parent != self.path:
            with named_write_errors(target):
                target.parent.mkdir(exist_ok=True)
        with replacing(target) as temporary:
            yield temporary


def check_run_folder(path: Path) -> None:
    """Refuses a folder in which a run would follow links or touch files of others.

    Raises:
        ConfigError: if the folder holds links or no regular files, or if it is neither
            empty nor the folder of a run.
    """
    names = safe_entries("hydra.run.dir", path, SUBFOLDERS)
    others = sorted(set(names).difference(FIRST_FILES))
    if others and STATUS not in names:
        raise ConfigError(
            f"hydra.run.dir: {path} holds '{others[0]}' and no run; name a new folder"
        )
    if STATUS in names and status_of(path)["status"] == "unknown":
        raise ConfigError(
            f"hydra.run.dir: {path / STATUS} is not what a run writes; name a new "
            "folder"
        )


def safe_entries(key: str, folder: Path, subfolders: tuple[str, ...] = ()) -> list[str]:
    """Returns the names in a folder; [] if there is no such folder.

    Args:
        key: the configuration's key that names the folder.
        folder: the folder.
        subfolders: names of subfolders to look into as well.

    Raises:
        ConfigError: if the folder cannot be read, or holds links or no regular files.
    """
    try:
        return check_entries(folder, subfolders)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except (OSError, UnsafeFileError) as error:
        raise ConfigError(f"{key}: {first_line(error)}") from None


def remove_checkpoints(path: Path) -> None:
    """Removes the checkpoints of a run; any other file beside them stays."""
    folder = path / CHECKPOINTS
    names = ("*-steps.npz", ".tmp-*-steps.npz", START_FROM)
    for file in (file for name in names for file in folder.glob(name)):
        file.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        folder.rmdir()


def status_of(path: Path) -> dict[str, Any]:
    """Returns the content of a folder's `status.json`; {} if there is none.

    The status is `unknown` if the content is not what a run writes.

    Raises:
        ConfigError: if the file cannot be read.
    """
    try:
        record = read_json(path / STATUS)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"hydra.run.dir: cannot read {path / STATUS}: {first_line(error)}; name "
            "another folder"
        ) from None
    return record if is_record(record) else {"status": "unknown"}


def is_record(record: Any) -> bool:
    """Whether a value has the keys and types of a run's `status.json`."""
    return (
        isinstance(record, dict)
        and record.get("status") in STATES
        and isinstance(record.get("seconds", 0.0), int | float | None)
        and all(
            isinstance(record.get(key, ""), str)
            for key in ("start", "end", "error", "host", "config_hash")
        )
    )


def has_ended(pid: int) -> bool:
    """Whether a process of this machine has ended."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:  # the process belongs to another user
        pass
    return False


def now() -> str:
    """Returns the time, UTC, to the millisecond, as ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
