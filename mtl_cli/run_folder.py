"""The folder of a run: the record that outlives the process."""

import contextlib
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from mtl_cli.errors import ConfigError


class RunFolder:
    """Writes a run's files, each whole or not at all.

    Args:
        path: of the folder; made if it is missing.

    Raises:
        ConfigError: if the folder holds a run already, or cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.started = now()
        try:
            path.mkdir(parents=True, exist_ok=True)
            with (path / "status.json").open("x") as file:
                json.dump({"status": "running", "start": self.started}, file)
        except FileExistsError:
            raise ConfigError(
                f"hydra.run.dir: {path} holds a run already; name another folder, or "
                "remove this one"
            ) from None
        except OSError as error:
            raise ConfigError(
                f"hydra.run.dir: cannot write to {path}: {error.strerror}"
            ) from None

    def finish(self, status: str, error: str | None = None) -> None:
        """Writes the last word: `done`, `failed` or `interrupted`, and why."""
        record = {"status": status, "start": self.started, "end": now()}
        if error is not None:
            record["error"] = error
        self.write_json("status.json", record)

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
        """
        target = self.path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f".tmp-{target.name}")
        try:
            yield temporary
            with temporary.open("rb") as file:
                sync(file)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)


def sync(file: IO[bytes]) -> None:
    """Waits until a file is on the disk."""
    os.fsync(file.fileno())


def now() -> str:
    """Returns the time, UTC, to the second, as ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")
