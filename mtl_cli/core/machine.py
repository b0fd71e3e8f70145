"""The memory, the cores and the GPU of this machine."""

import os
from pathlib import Path


def memory_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def num_cores() -> int:
    return len(os.sched_getaffinity(0))


def has_gpu() -> bool:
    """Whether jobs will find an NVIDIA GPU.

    The driver's folder is checked, because loading TensorFlow would take seconds.
    """
    is_hidden = os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1")
    return Path("/proc/driver/nvidia/gpus").exists() and not is_hidden
