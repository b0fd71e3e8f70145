"""The keys `sweep` and `compare`."""

from typing import Literal

from pydantic import Field

from mtl_cli.core.machine import has_gpu, memory_bytes, num_cores
from mtl_cli.core.options import Count, Options, Positive, ScenarioName

BYTES_PER_JOB = 2 << 30  # 2 GiB


class SweepOptions(Options):
    """The keys that say how a machine runs the jobs of a sweep.

    Attributes:
        jobs: number of jobs that run at a time. `auto` is the number of cores, but at
            most one job for every 2 GiB of memory; with a GPU it is 1, because a job
            takes the whole GPU.
        timeout_minutes: minutes after which a job is killed; null sets no limit.
    """

    jobs: Literal["auto"] | Count
    timeout_minutes: Positive | None

    @property
    def jobs_at_once(self) -> int:
        if self.jobs != "auto":
            return self.jobs
        if has_gpu():
            return 1
        return max(1, min(num_cores(), memory_bytes() // BYTES_PER_JOB))

    @property
    def timeout_seconds(self) -> float | None:
        return None if self.timeout_minutes is None else self.timeout_minutes * 60


class CompareOptions(Options):
    """The keys that add a twin of each job to a sweep, to compare the two models.

    Attributes:
        single_task: whether a sweep adds a single-task twin of each job. The twin is
            `model=single_task` with a bottom as deep and wide as the job's experts.
        scenarios: the scenarios for which a sweep adds a single-scenario twin of each
            job. The twin trains the same model on the rows of this scenario alone.
    """

    single_task: bool
    scenarios: list[ScenarioName] = Field(default_factory=list)
