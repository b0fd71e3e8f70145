"""What a sweep knows of its jobs: a file each, which any process can read."""

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from mtl_cli.core.run_folder import STATUS

RECORDS = ".jobs"
FAILED = ("failed", "interrupted")


@dataclass
class JobRecord:
    """How a job of this start of the sweep fares.

    Attributes:
        number: in the sweep.
        name: of its folder.
        settings: `key=value` that tell it from others.
        status: `running`, `done`, `skipped`, `failed`, `interrupted`.
        pid: of its process; 0 before it has one.
        host: where that is.
        seconds: that it took.
        error: what went wrong, in one line.
        code: the exit code that this leads to.
        scores: by task, its first metric.
        objective: the monitored metric, more is better.
    """

    number: str
    name: str
    settings: list[str]
    status: str = "running"
    pid: int = 0
    host: str = ""
    seconds: float = 0.0
    error: str = ""
    code: int = 0
    scores: dict[str, float | None] = field(default_factory=dict)
    objective: float | None = None

    @property
    def begun(self) -> bool:
        """Whether it has or had a process, or was found done."""
        return self.status != "running" or self.pid != 0

    def path(self, sweep: Path) -> Path:
        """Returns where it is kept."""
        return sweep / RECORDS / f"{self.number}.json"

    def errors(self, sweep: Path) -> Path:
        """Returns where its process's stderr is kept while it runs."""
        return sweep / RECORDS / f"{self.number}.stderr"

    def write(self, sweep: Path) -> None:
        """Writes it, whole."""
        path = self.path(sweep)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(f".{os.getpid()}.tmp")
        temporary.write_text(json.dumps(asdict(self)), "utf-8")
        temporary.replace(path)

    def read(self, sweep: Path) -> "JobRecord":
        """Returns its newest state."""
        return JobRecord(**json.loads(self.path(sweep).read_text("utf-8")))


def job_records(sweep: Path) -> Iterator[JobRecord]:
    """Yields the records of a sweep, in the order of their numbers."""
    paths = (sweep / RECORDS).glob("*.json")
    for path in sorted(paths, key=lambda p: [int(x) for x in p.stem.split(".")]):
        yield JobRecord(**json.loads(path.read_text("utf-8")))


def jobs_without_run_folder(sweep: Path, found: Iterable[JobRecord]) -> list[JobRecord]:
    """Returns the records of jobs that failed before they had a run folder."""
    return [
        record
        for record in found
        if record.status in FAILED and not (sweep / record.name / STATUS).exists()
    ]
