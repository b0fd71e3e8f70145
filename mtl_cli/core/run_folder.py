"""The folder of a run: locks it, writes its files, and refuses other folders."""

import contextlib
import json
import os
import re
import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from mtl_cli.core.atomic_write import UNFINISHED_PREFIX, named_write_errors, replacing
from mtl_cli.core.errors import ConfigError, WriteError, first_line
from mtl_cli.core.folder_lock import LOCK_NAME, is_still_at, lock_folder
from mtl_cli.core.other_files import UnsafeFileError, check_entries
from mtl_cli.core.run_status import STATUS, hashes_of_run, now, status_of
from mtl_cli.core.secrets import mask_secrets
from mtl_cli.core.written_files import HASHES_KEY

LOG = "train.log"
CHECKPOINTS = "checkpoints"
# The values that a run has taken from an earlier run; see `runs/earlier_run.py`.
START_FROM = "start_from.json"
SUBFOLDERS = (CHECKPOINTS, "model", "plots")
# The last epoch that was sent to a tracker, and the ids that trackers gave the run.
TRACKER_FILES = ("tracked.json", "mlflow.json", "wandb.json")
# The files that a process may leave if it is killed before it writes `status.json`.
FIRST_FILES = re.compile(r"\.lock|train\.log|\.tmp-(\d+-)?status\.json")


class RunFolder:
    """Locks the folder of a run, and writes its files. A missing folder is made.

    Each file is either complete or missing. If `status.json` says `running`, but the
    lock is free, the process of the run was killed.
    """

    def __init__(self, path: Path, key: str = "hydra.run.dir") -> None:
        check_run_folder(path)
        self.path = path
        self.lock = lock_folder(path, key)
        self.record = status_of(path)  # the content of `status.json`
        # How long earlier processes of this run took together; None if not known.
        self.earlier_seconds: float | None = None
        self.began = time.monotonic()

    def begin(self, config_hash: str) -> None:
        """Records the start of the run. Removes unfinished files of a killed run."""
        for folder in (self.path, *(self.path / name for name in SUBFOLDERS)):
            for leftover in folder.glob(f"{UNFINISHED_PREFIX}*"):
                if not leftover.is_dir():  # a run makes no folder of such a name
                    leftover.unlink(missing_ok=True)
        # A killed process has not recorded how long it ran.
        was_killed = self.record.get("status") == "running"
        self.earlier_seconds = None if was_killed else self.record.get("seconds", 0.0)
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
        """Removes the files of an earlier run. The new run appends to `train.log`."""
        names = ["config.yaml", "environment.json", "data_report.json", STATUS]
        for name in [*names, *TRACKER_FILES]:
            (self.path / name).unlink(missing_ok=True)
        shutil.rmtree(self.path / "tensorboard", ignore_errors=True)
        self.record = {}

    def finish(self, status: str, error: str | None = None) -> None:
        """Records the status and the seconds of all the run's processes together.

        The seconds are null if an earlier process was killed. `error` is the reason why
        the run has failed.
        """
        seconds = None
        if self.earlier_seconds is not None:
            seconds = round(self.earlier_seconds + time.monotonic() - self.began, 1)
        self.record |= {"status": status, "end": now(), "seconds": seconds}
        if status == "done":
            self.record[HASHES_KEY] = hashes_of_run(self.path)
        if error is not None:
            self.record["error"] = error
        self.write_json(STATUS, self.record)
        if status == "done":
            remove_checkpoints(self.path)

    def release(self) -> None:
        with contextlib.suppress(OSError):
            if self.is_locked():
                (self.path / LOCK_NAME).unlink()
        self.lock.close()

    def is_locked(self) -> bool:
        return is_still_at(self.path / LOCK_NAME, self.lock)

    def write_json(self, name: str, value: object) -> None:
        """Writes a JSON file, with secrets masked. NaN and infinity are errors."""
        text = json.dumps(mask_secrets(value), indent=2, allow_nan=False)
        self.write_text(name, f"{text}\n")

    def write_values(self, name: str, value: object) -> None:
        """Writes JSON without masking: a vocabulary may hold URLs with passwords."""
        text = json.dumps(value, indent=2, allow_nan=False)
        self.write_text(name, f"{text}\n")

    def write_text(self, name: str, text: str) -> None:
        """Writes a text file. Paths in the text keep bytes that are not UTF-8."""
        with self.replacing(name) as temporary:
            temporary.write_text(text, encoding="utf-8", errors="surrogateescape")

    @contextlib.contextmanager
    def replacing(self, name: str) -> Iterator[Path]:
        """Yields a temporary path for a file of the run; see `atomic_write.replacing`.

        If somebody has removed the folder, another run may have made a new one.
        """
        target = self.path / name
        with named_write_errors(target):
            if self.path.exists() and not self.is_locked():
                raise WriteError(
                    f"cannot write {target}: {self.path / LOCK_NAME} of this run has "
                    "been removed; name a new folder in hydra.run.dir"
                )
            if target.parent != self.path:
                target.parent.mkdir(exist_ok=True)
        with replacing(target) as temporary:
            yield temporary


def check_run_folder(path: Path) -> None:
    """Refuses a folder that is neither empty nor the folder of a run.

    In any other folder, a run could overwrite files of somebody else.
    """
    names = safe_entries("hydra.run.dir", path, SUBFOLDERS)
    other_names = sorted(n for n in names if not FIRST_FILES.fullmatch(n))
    if other_names and STATUS not in names:
        raise ConfigError(
            f"hydra.run.dir: {path} holds '{other_names[0]}' and no run; name a new "
            "folder"
        )
    if STATUS in names and status_of(path)["status"] == "unknown":
        raise ConfigError(
            f"hydra.run.dir: {path / STATUS} is not what a run writes; name a new "
            "folder"
        )


def safe_entries(key: str, folder: Path, subfolders: tuple[str, ...] = ()) -> list[str]:
    """Returns the names of the entries of a folder; [] if there is no such folder.

    Refuses links, pipes and devices in the folder and in its `subfolders`. `key` names
    the folder in messages.
    """
    try:
        # The folder may be no run at all, such as `/`, so nothing should be removed.
        return check_entries(folder, subfolders, fix="name a new folder")
    except (FileNotFoundError, NotADirectoryError):
        return []
    except (OSError, UnsafeFileError) as error:
        raise ConfigError(f"{key}: {first_line(error)}") from None


def remove_checkpoints(path: Path) -> None:
    """Removes the checkpoints of a run, and their folder if it is then empty."""
    folder = path / CHECKPOINTS
    for pattern in ("*-steps.npz", ".tmp-*-steps.npz", START_FROM):
        for file in folder.glob(pattern):
            file.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        folder.rmdir()


def check_outside_run(target: Path, run: Path, message_start: str = "") -> None:
    """Raises a `ConfigError` if a file or folder to write lies in a run folder."""
    # `Path.resolve` raises an error for a link that leads to itself.
    if Path(os.path.realpath(target)).is_relative_to(os.path.realpath(run)):
        raise ConfigError(
            f"{message_start}{target} lies in the folder of the run; name a path "
            "outside of it"
        )
