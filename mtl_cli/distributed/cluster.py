"""Reads from environment variables which processes train a run together.

`TF_CONFIG`, or else Slurm's variables, give the addresses of all processes and the rank
of this process.
"""

import json
import os
import re

from pydantic import BaseModel, ValidationError

from mtl_cli.core.errors import ConfigError
from mtl_cli.core.message_text import shown
from mtl_cli.core.options import first_problem

TF_CONFIG = "TF_CONFIG"
SLURM_RANK, SLURM_SIZE = "SLURM_PROCID", "SLURM_STEP_NUM_TASKS"
# In TensorFlow's words, each process is a task of a job. Ranks number the tasks of
# these jobs in this order. Kubeflow's first process is the task of the job `chief` or,
# in older manifests, `master`. Otherwise worker 0 has rank 0 and is the chief.
JOBS = ("chief", "master", "worker")


class ClusterTask(BaseModel):
    """A task: its job, and its position among the tasks of the job."""

    type: str
    index: int


class TfConfig(BaseModel):
    """The content of `TF_CONFIG`."""

    cluster: dict[str, list[str]]  # {job: addresses of its tasks}
    task: ClusterTask  # the task of this process


def rank(strategy: str | None) -> int:
    """Returns the rank of this process; 0 for the chief."""
    if strategy != "multi_worker":
        return 0
    if TF_CONFIG in os.environ:
        return workers_and_rank()[1]
    if SLURM_RANK in os.environ and SLURM_SIZE in os.environ:
        return int(os.environ[SLURM_RANK])
    raise ConfigError(
        f"trainer.strategy: multi_worker needs to know all processes; set {TF_CONFIG} "
        "in the environment, or start the command with srun"
    )


def workers_and_rank() -> tuple[list[str], int]:
    """Returns the address of each process by rank, and the rank of this process."""
    if TF_CONFIG not in os.environ:
        return slurm_workers(), rank("multi_worker")
    try:
        return parse_tf_config(os.environ[TF_CONFIG])
    except ValueError as error:
        reason = first_problem(error) if isinstance(error, ValidationError) else error
        raise ConfigError(
            f"{TF_CONFIG}: {reason}; write "
            '{"cluster": {"worker": ["host:port", ...]}, '
            '"task": {"type": "worker", "index": 0}}'
        ) from None


def parse_tf_config(text: str) -> tuple[list[str], int]:
    """Returns what `workers_and_rank` returns; raises a `ValueError` for wrong text."""
    config = TfConfig.model_validate_json(text)
    if unknown_jobs := set(config.cluster) - set(JOBS):
        raise ValueError(f"multi_worker has no job {min(unknown_jobs)!r}")
    # {task as (job, index): its address}, in the order of ranks
    addresses = {
        (job, index): address
        for job in JOBS
        for index, address in enumerate(config.cluster.get(job, []))
    }
    this_task = (config.task.type, config.task.index)
    if this_task not in addresses:
        raise ValueError(
            f"this task, {config.task.type} {config.task.index}, is not in the cluster"
        )
    for address in addresses.values():
        port = address.rpartition(":")[2]
        is_number = re.fullmatch("[0-9]{1,5}", port)
        if not (is_number and 0 < int(port) < 2**16):
            raise ValueError(f"the address {shown(address)} has no port")
    return list(addresses.values()), list(addresses).index(this_task)


def slurm_workers() -> list[str]:
    """Returns the addresses of the tasks of a Slurm step, in the order of their ranks.

    TensorFlow's `SlurmClusterResolver` sorts node10 before node2, and gives the same
    ports to two jobs on the same node. Therefore only its parsing functions are used.
    """
    from tensorflow.python.distribute.cluster_resolver import (
        slurm_cluster_resolver as slurm,
    )

    hosts = slurm.expand_hostlist(os.environ["SLURM_STEP_NODELIST"])
    tasks_per_host = slurm.expand_tasks_per_node(
        os.environ["SLURM_STEP_TASKS_PER_NODE"]
    )
    # Slurm jobs on one node often have successive ids. Therefore each of 1,250 ids has
    # 16 ports of its own, enough for one process per GPU.
    first_port = 12_000 + int(os.environ.get("SLURM_JOB_ID", "0")) % 1_250 * 16
    return [
        f"{host}:{first_port + i}"
        for host, num_tasks in zip(hosts, tasks_per_host, strict=True)
        for i in range(num_tasks)
    ]


def tf_config(workers: list[str], rank: int) -> str:
    """Returns the value of `TF_CONFIG` for the process with the given rank."""
    task = {"type": "worker", "index": rank}
    return json.dumps({"cluster": {"worker": workers}, "task": task})
