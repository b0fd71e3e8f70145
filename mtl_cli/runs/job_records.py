"""Reads and writes the records of a sweep's jobs: one JSON file per job.

The sweep and the processes of its jobs share these files.
"""

import json
import os
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from mtl_cli.core.errors import DataError, first_line
from mtl_cli.core.message_text import shown
from mtl_cli.core.other_files import read_text
from mtl_cli.core.run_status import STATUS
from mtl_cli.core.secrets import mask_secrets

if TYPE_CHECKING:
    from pydantic import TypeAdapter

RECORDS = ".jobs"  # the folder of records in the sweep folder
MARK = "sweep"  # this file says that the folder of records belongs to a sweep
STOP_FILE = "stopped"  # this file tells jobs on all machines that the sweep stops
# The names in the folder of records: records, the stderr of jobs, half-written records
# (`.tmp`), `MARK` and `STOP_FILE`.
RECORD_NAME = re.compile(rf"\d+(\.\d+)?\.(json|stderr|\d+\.tmp)|{MARK}|{STOP_FILE}")
FAILED = ("failed", "interrupted")
MAX_NAME_BYTES = 255  # the limit of most file systems


@dataclass
class JobRecord:
    """The state of one job of a sweep, since the sweep was last started."""

    # `3` for the job of the sweep's configuration 3. If the configuration has several
    # jobs, because of `repeats` or twins, their numbers are `3.1`, `3.2`, ...
    number: str
    name: str  # the name of the job's run folder
    settings: list[str]  # the settings `key=value` from which the job was composed
    status: str = "running"  # or `done`, `skipped`, `failed`, `interrupted`
    pid: int = 0  # the id of the job's process; 0 before the process starts
    host: str = ""  # the machine that the process runs on
    seconds: float = 0.0  # the duration of the job
    error: str = ""  # why the job failed, in one line; "" if it did not fail
    code: int = 0  # the exit code of `mtl-train` for this failure; 0 if it did not fail
    has_died: bool = False  # whether the process ended before it recorded the job's end
    # {task: the value of its first metric}
    scores: dict[str, float | None] = field(default_factory=dict)
    # {title: monitored metric}; {} if `scores` hold this metric, see `monitored_score`
    monitored: dict[str, float | None] = field(default_factory=dict)
    objective: float | None = None  # the monitored metric, negated if lower is better
    # `trainer.monitor` and the settings that choose the validation rows, as JSON. Two
    # objectives are comparable only if their measures are equal.
    measure: str = ""

    @property
    def shown_scores(self) -> dict[str, float | None]:
        return self.scores | self.monitored

    @property
    def has_started(self) -> bool:
        """Whether the job has a process, or has ended, perhaps in an earlier start."""
        return self.status != "running" or self.pid != 0

    @property
    def was_cut_off(self) -> bool:
        """Whether the job was killed or stopped, and may succeed if it runs again."""
        return self.has_died or self.status == "interrupted"

    def path(self, sweep: Path) -> Path:
        return sweep / RECORDS / f"{self.number}.json"

    def stderr_path(self, sweep: Path) -> Path:
        return sweep / RECORDS / f"{self.number}.stderr"

    def write(self, sweep: Path) -> None:
        """Replaces the record's file in one step: no reader sees half a record."""
        path = self.path(sweep)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(f".{os.getpid()}.tmp")
        temporary.write_text(json.dumps(mask_secrets(asdict(self))), "utf-8")
        temporary.replace(path)

    def read(self, sweep: Path) -> "JobRecord":
        """Reads the record's file again: the job's process may have changed it."""
        return read_record(self.path(sweep))


@cache
def record_adapter() -> "TypeAdapter[JobRecord]":
    from pydantic import TypeAdapter

    return TypeAdapter(JobRecord)


def read_record(path: Path) -> JobRecord:
    """Reads the record of a job; raises a `DataError` if the file holds no record."""
    from pydantic import ValidationError

    from mtl_cli.core.options import first_problem

    try:
        record = record_adapter().validate_json(read_text(path), strict=True)
    except ValidationError as error:
        raise DataError(f"{path}: {first_problem(error)}") from None
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: {first_line(error)}") from None
    if "\0" in record.name or len(record.name.encode()) > MAX_NAME_BYTES:
        raise DataError(f"{path}: name: {shown(record.name)} is not the name of a file")
    return record


def job_records(sweep: Path) -> Iterator[JobRecord]:
    """Yields the records of a sweep, in the order of the jobs' numbers."""
    yield from map(read_record, record_paths(sweep))


def record_paths(sweep: Path) -> list[Path]:
    """Returns the paths of a sweep's records, in the order of the jobs' numbers."""
    folder = sweep / RECORDS
    if folder.is_symlink():
        raise DataError(f"{folder} is a link; put the folder itself there")
    paths = [p for p in folder.glob("*.json") if RECORD_NAME.fullmatch(p.name)]
    return sorted(paths, key=lambda path: order_of_number(path.stem))


def order_of_number(number: str) -> list[int]:
    """Returns the key by which numbers of jobs are sorted.

    >>> sorted(["10.1", "9.2", "9.1"], key=order_of_number)
    ['9.1', '9.2', '10.1']
    """
    return list(map(int, number.split(".")))


def mark_as_stopped(sweep: Path) -> None:
    """Prevents further jobs of a sweep from starting, on all machines."""
    (sweep / RECORDS / STOP_FILE).touch()


def is_stopped(sweep: Path) -> bool:
    return (sweep / RECORDS / STOP_FILE).exists()


def jobs_that_never_began(sweep: Path) -> list[JobRecord]:
    """Returns the records of jobs that failed before they had a run folder."""
    return [
        record
        for record in job_records(sweep)
        if record.status in FAILED and not (sweep / record.name / STATUS).exists()
    ]
