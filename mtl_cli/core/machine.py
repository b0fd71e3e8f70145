"""The memory, the cores and the GPU that this process may use."""

import math
import os
from pathlib import Path

# Linux limits containers, and jobs of Slurm, by control groups. The limits of a group
# hold for all groups inside. Only version 2 of control groups is read.
CONTROL_GROUPS = Path("/sys/fs/cgroup")
OWN_CONTROL_GROUP = Path("/proc/self/cgroup")


def memory_bytes() -> int:
    """Returns the memory of the machine, or of the container if that is less."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limits = [int(words[0]) for words in control_group_limits("memory.max")]
    return min([machine, *limits])


def num_cores() -> int:
    """Returns the number of cores; half a core of a container counts as one."""
    # Microseconds of processor time within a period, and the length of the period.
    times = control_group_limits("cpu.max")
    limits = [math.ceil(int(quota) / int(period)) for quota, period in times]
    return min([cores_of_affinity(), *limits])


def cores_of_affinity() -> int:
    """Returns the number of cores on which this process may run, as TensorFlow does."""
    return len(os.sched_getaffinity(0))


def control_group_limits(file: str) -> list[list[str]]:
    """Returns the words of a file of this process's control group and those above.

    Left out are groups without a limit: they have no such file, or it begins with max.
    """
    try:
        lines = OWN_CONTROL_GROUP.read_text().splitlines()
    except OSError:  # not Linux
        return []
    own = next((line[3:] for line in lines if line.startswith("0::")), "")
    # A container may see only its own group, as the root: then the inner names of its
    # path lead nowhere.
    group = CONTROL_GROUPS / own.strip("/")
    limits = []
    for folder in (group, *group.parents):
        try:
            words = (folder / file).read_text().split()
        except OSError:
            continue
        if words and words[0] != "max":
            limits.append(words)
    return limits


def has_gpu() -> bool:
    """Whether jobs will find an NVIDIA GPU.

    The driver's folder is checked, because loading TensorFlow would take seconds.
    """
    is_hidden = os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1")
    return Path("/proc/driver/nvidia/gpus").exists() and not is_hidden
