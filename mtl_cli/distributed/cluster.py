"""Reads from environment variables which processes train a run together.

`TF_CONFIG`, or else Slurm's variables, give the addresses of all processes and the rank
of this process.
"""

import contextlib
import json
import os
from collections.abc import Iterator

from pydantic import BaseModel, ValidationError

from mtl_cli.core.errors import ConfigError, first_line, shown
from mtl_cli.core.options import first_problem

TF_CONFIG = "TF_CONFIG"
SLURM_RANK, SLURM_SIZE = "SLURM_PROCID", "SLURM_STEP_NUM_TASKS"
TF_CONFIG_FORMAT = (
    '{"cluster": {"worker": ["host:port", ...]}, '
    '"task": {"type": "worker", "index": 0}}'
)
# In TensorFlow's words, each process is a task of a job. The tasks of these jobs train.
# Their ranks follow this order of the jobs. Kubeflow calls the job of the first task
# `chief` or, in older manifests, `master`. Without these jobs, worker 0 is the chief.
TRAINING_JOBS = ("chief", "master", "worker")


class Task(BaseModel):
    """The task of this process: its job, and its position among the job's tasks."""

    type: str
    index: int


class TfConfig(BaseModel):
    """The content of `TF_CONFIG`: {job: addresses of its tasks}, and the own task."""

    cluster: dict[str, list[str]]
    task: Task


def rank(strategy: str | None) -> int:
    """Returns the rank of this process. The chief has rank 0 and writes the run folder.

    Args:
        strategy: the value of `trainer.strategy`.

    Raises:
        ConfigError: if the environment variables are missing or malformed.
    """
    if strategy != "multi_worker":
        return 0
    if TF_CONFIG in os.environ:
        return read_tf_config()[1]
    if SLURM_RANK in os.environ and SLURM_SIZE in os.environ:
        return int(os.environ[SLURM_RANK])
    raise ConfigError(
        f"trainer.strategy: multi_worker needs to know all processes; set {TF_CONFIG} "
        "in the environment, or start the command with srun"
    )


def workers_and_rank() -> tuple[list[str], int]:
    """Returns the addresses `host:port` of all processes, and this process's rank.

    The addresses are in the order of the ranks.

    Raises:
        ConfigError: if the environment variables are missing or malformed.
    """
    if TF_CONFIG in os.environ:
        return read_tf_config()
    return slurm_workers(), rank("multi_worker")


def is_evaluator(strategy: str | None) -> bool:
    """Whether `TF_CONFIG` gives this process the task to evaluate checkpoints."""
    if strategy != "multi_worker" or TF_CONFIG not in os.environ:
        return False
    with malformed_tf_config():
        config = TfConfig.model_validate_json(os.environ[TF_CONFIG])
    return config.task.type == "evaluator"


def read_tf_config() -> tuple[list[str], int]:
    """Parses `TF_CONFIG`; see `workers_and_rank`.

    Raises:
        ConfigError: if `TF_CONFIG` is malformed or names a parameter server.
    """
    with malformed_tf_config():
        config = TfConfig.model_validate_json(os.environ[TF_CONFIG])
        jobs, task = config.cluster, config.task
        if "ps" in (*jobs, task.type):
            raise ValueError("multi_worker trains without parameter servers, job ps")
        if unknown := {*jobs, task.type} - {*TRAINING_JOBS, "evaluator"}:
            raise ValueError(f"unknown job {min(unknown)!r}")
        if len([*jobs.get("chief", []), *jobs.get("master", [])]) > 1:
            raise ValueError("there is more than one chief")
        tasks = [
            (job, index)
            for job in TRAINING_JOBS
            for index in range(len(jobs.get(job, [])))
        ]
        own_task = (task.type, task.index)
        if own_task not in tasks:
            count = len(jobs.get(own_task[0], []))
            raise ValueError(
                f"index {own_task[1]} is not one of {count} {own_task[0]} tasks"
            )
        addresses = [jobs[job][index] for job, index in tasks]
        for address in addresses:
            port = address.rpartition(":")[2]
            if not (port.isascii() and port.isdigit() and 0 < int(port) < 2**16):
                raise ValueError(
                    f"the address {shown(address)} has no port from 1 to {2**16 - 1}"
                )
        return addresses, tasks.index(own_task)


@contextlib.contextmanager
def malformed_tf_config() -> Iterator[None]:
    """Turns errors of reading `TF_CONFIG` into a `ConfigError`."""
    try:
        yield
    except ValueError as error:
        reason = first_line(error)
        if isinstance(error, ValidationError):
            reason = first_problem(error)
        raise ConfigError(f"{TF_CONFIG}: {reason}; write {TF_CONFIG_FORMAT}") from None


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
    # Two Slurm jobs on the same node should not use the same ports.
    first_port = 12_000 + int(os.environ.get("SLURM_JOB_ID", "0")) % 20_000
    return [
        f"{host}:{first_port + i}"
        for host, num_tasks in zip(hosts, tasks_per_host, strict=True)
        for i in range(num_tasks)
    ]


def tf_config(workers: list[str], rank: int) -> str:
    """Returns the value of `TF_CONFIG` for the process with the given rank."""
    task = {"type": "worker", "index": rank}
    return json.dumps({"cluster": {"worker": workers}, "task": task})
