"""The keys under `sweep`: how jobs are run, not what they compute."""

import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from mtl_cli.core.options import Count, Options

MEMORY_OF_A_JOB = 2 << 30


class SweepOptions(Options):
    """How the jobs of a sweep share a machine.

    Attributes:
        jobs: number of jobs that run at a time. `auto` is one job of one thread per
            core and per 2 GB of memory; with a GPU it is 1, as a job takes all of it.
        timeout_minutes: minutes after which a job is killed; null sets no limit.
    """

    jobs: Literal["auto"] | Count
    timeout_minutes: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None

    @property
    def jobs_at_once(self) -> int:
        """How many jobs run at a time."""
        return at_once() if self.jobs == "auto" else self.jobs


class Comparison(Options):
    """Jobs that a sweep adds, for the comparison of its models.

    Attributes:
        single_task: whether each job gets a twin: the same network for each task alone.
    """

    single_task: bool


def at_once() -> int:
    """Returns how many jobs this machine runs at a time."""
    if has_gpu():
        return 1
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return max(1, min(cores(), memory // MEMORY_OF_A_JOB))


def has_gpu() -> bool:
    """Whether jobs will find an NVIDIA GPU; asking TensorFlow would take seconds."""
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1")
    return Path("/proc/driver/nvidia/gpus").exists() and not hidden


def cores() -> int:
    """Returns the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
