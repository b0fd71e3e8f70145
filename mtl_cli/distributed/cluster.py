"""Reads from environment variables which processes train a run together.

`TF_CONFIG`, or else Slurm's variables, give the addresses of all processes and the rank
of this process.
"""

import json
import os
from collections import Counter

from pydantic import BaseModel, ValidationError

from mtl_cli.core.errors import ConfigError
from mtl_cli.core.message_text import shown
from mtl_cli.core.options import first_problem

TF_CONFIG = "TF_CONFIG"
SLURM_RANK, SLURM_SIZE = "SLURM_PROCID", "SLURM_STEP_NUM_TASKS"
TF_CONFIG_FORMAT = (
    '{"cluster": {"worker": ["host:port", ...]}, '
    '"task": {"type": "worker", "index": 0}}'
)
# In TensorFlow's words, each process is a task of a job. Only the tasks of these jobs
# train. Ranks number first the tasks of `chief`, then of `master`, then of `worker`.
# Kubeflow's first process is the task of the job `chief` or, in older manifests,
# `master`. Without these jobs, worker 0 has rank 0 and is the chief.
TRAINING_JOBS = ("chief", "master", "worker")


class ClusterTask(BaseModel):
    """The task of this process: its job, and its position among the job's tasks."""

    type: str
    index: int


class TfConfig(BaseModel):
    """The content of `TF_CONFIG`.

    Attributes:
        cluster: {job: addresses of its tasks}.
        task: the task of this process.
    """

    cluster: dict[str, list[str]]
    task: ClusterTask


def rank(strategy: str | None) -> int:
    """Returns the rank of this process; 0 for the chief.

    The chief writes the run folder. With other strategies than `multi_worker`, this
    process is the chief.
    """
    if strategy != "multi_worker":
        return 0
    if TF_CONFIG in os.environ:
        _, rank = workers_and_rank_of_tf_config()
        return rank
    if SLURM_RANK in os.environ and SLURM_SIZE in os.environ:
        return int(os.environ[SLURM_RANK])
    raise ConfigError(
        f"trainer.strategy: multi_worker needs to know all processes; set {TF_CONFIG} "
        "in the environment, or start the command with srun"
    )


def workers_and_rank() -> tuple[list[str], int]:
    """Returns the address of each process by rank, and the rank of this process."""
    if TF_CONFIG in os.environ:
        return workers_and_rank_of_tf_config()
    return slurm_workers(), rank("multi_worker")


def is_evaluator(strategy: str | None) -> bool:
    """Whether `TF_CONFIG` gives this process the task to evaluate checkpoints."""
    if strategy != "multi_worker" or TF_CONFIG not in os.environ:
        return False
    return parse_tf_config().task.type == "evaluator"


def parse_tf_config() -> TfConfig:
    """Parses the environment variable `TF_CONFIG`, or raises a `ConfigError`."""
    try:
        return TfConfig.model_validate_json(os.environ[TF_CONFIG])
    except ValidationError as error:
        raise tf_config_error(first_problem(error)) from None


def tf_config_error(reason: str) -> ConfigError:
    """Makes an error about `TF_CONFIG`, with the expected format as the fix."""
    return ConfigError(f"{TF_CONFIG}: {reason}; write {TF_CONFIG_FORMAT}")


def workers_and_rank_of_tf_config() -> tuple[list[str], int]:
    """Returns the address of each process by rank, and the rank of this process.

    Raises:
        ConfigError: if `TF_CONFIG` is wrong.
    """
    config = parse_tf_config()
    addresses_by_job, this_task = config.cluster, config.task
    check_jobs([*addresses_by_job, this_task.type])
    num_tasks = Counter({job: len(x) for job, x in addresses_by_job.items()})
    if num_tasks["chief"] + num_tasks["master"] > 1:
        raise tf_config_error("there is more than one chief")
    # All tasks by rank, each as (job, index).
    tasks = [(job, index) for job in TRAINING_JOBS for index in range(num_tasks[job])]
    if (this_task.type, this_task.index) not in tasks:
        raise tf_config_error(
            f"the index of this task is {this_task.index}, but the job "
            f"{this_task.type} has {num_tasks[this_task.type]} tasks, numbered from 0"
        )
    workers = [addresses_by_job[job][index] for job, index in tasks]
    for address in workers:
        check_port(address)
    return workers, tasks.index((this_task.type, this_task.index))


def check_jobs(names: list[str]) -> None:
    """Refuses a job in `TF_CONFIG` that `multi_worker` does not have."""
    if "ps" in names:
        raise tf_config_error(
            "multi_worker trains without parameter servers, so there must be no job ps"
        )
    if unknown := set(names) - {*TRAINING_JOBS, "evaluator"}:
        raise tf_config_error(f"unknown job {min(unknown)!r}")


def check_port(address: str) -> None:
    """Refuses an address in `TF_CONFIG` without a valid port."""
    port = address.rpartition(":")[2]
    is_number = port.isascii() and port.isdigit() and len(port) <= 5
    if not (is_number and 0 < int(port) < 2**16):
        raise tf_config_error(
            f"the address {shown(address)} has no port from 1 to {2**16 - 1}"
        )


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
    # Two Slurm jobs on one node should not use the same ports. Such jobs often have
    # successive ids. Therefore each of 1,250 successive ids has 16 ports of its own,
    # enough for one process per GPU.
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
