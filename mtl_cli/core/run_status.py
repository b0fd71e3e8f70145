"""The file `status.json` of a run, and whether the process of a run has ended."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mtl_cli.core.errors import ConfigError, first_line
from mtl_cli.core.other_files import MAX_BYTES, check_regular, read_json
from mtl_cli.core.written_files import HASHES_KEY, sha256

STATUS = "status.json"
MAX_SECONDS = 1e10  # three centuries; no run records more in `status.json`
STATES = ("running", "done", "failed", "interrupted")
MODEL_CHECKSUMS = "model/SHA256SUMS"  # in the format of the command `sha256sum`
# At the end of a run, `status.json` records the SHA-256 of these files.
HASHED_FILES = ("config.yaml", "environment.json", "metrics.json", MODEL_CHECKSUMS)
TEXT_KEYS = ("start", "end", "error", "host", "config_hash")


def status_of(path: Path) -> dict[str, Any]:
    """Returns the content of a folder's `status.json`; {} if there is no such file.

    The result is {"status": "unknown"} if no run can have written the content.
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
    return record if is_run_record(record) else {"status": "unknown"}


def is_run_record(record: object) -> bool:
    return (
        isinstance(record, dict)
        and record.get("status") in STATES
        and isinstance(record.get("seconds", 0.0), int | float | None)
        and 0 <= (record.get("seconds") or 0) < MAX_SECONDS
        and all(isinstance(record.get(key, ""), str) for key in TEXT_KEYS)
    )


def hashes_of_run(run: Path) -> dict[str, str]:
    return {name: sha256(run / name) for name in HASHED_FILES if (run / name).exists()}


def is_replaced(run: Path, name: str, record: dict[str, Any]) -> bool:
    """Whether a file of a run has changed since the run ended, or is another run's.

    False if the file is missing, or if the run has recorded no hash of it, as in an
    earlier version of mtl-cli. `record` is the content of `status.json`.
    """
    hashes = record.get(HASHES_KEY)
    if not isinstance(hashes, dict) or name not in hashes or not (run / name).exists():
        return False
    check_regular(run / name, MAX_BYTES)
    return bool(sha256(run / name) != hashes[name])


def has_ended(pid: int) -> bool:
    """Whether a process of this machine has ended."""
    try:
        os.kill(pid, 0)  # signal 0 does nothing but check that the process exists
    except ProcessLookupError:
        return True
    except PermissionError:  # the process belongs to another user
        pass
    return False


def now() -> str:
    """Returns the current time in UTC, as ISO 8601 with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
