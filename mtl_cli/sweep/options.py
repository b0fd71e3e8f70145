"""The keys under `sweep`: how jobs are run, not what they compute."""

import os
from typing import Annotated, Literal

from pydantic import Field

from mtl_cli.schema import Count, Strict


class SweepOptions(Strict):
    """How the jobs of a sweep share a machine.

    Attributes:
        jobs: at a time; `auto` is one a core.
        timeout_minutes: after which a job is killed; null for no limit.
    """

    jobs: Literal["auto"] | Count
    timeout_minutes: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None

    @property
    def jobs_at_once(self) -> int:
        """How many jobs run at a time."""
        return cores() if self.jobs == "auto" else self.jobs


class Comparison(Strict):
    """What a sweep adds for the comparison of its models.

    Attributes:
        single_task: whether each job has a twin: the same network for each task alone.
    """

    single_task: bool


def cores() -> int:
    """Returns the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
