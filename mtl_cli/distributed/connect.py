"""Connects the processes that train a run, once all of them are present."""

import os
import signal
from pathlib import Path
from typing import Any

import tensorflow as tf

from mtl_cli.core import signals
from mtl_cli.core.errors import LostWorkerError
from mtl_cli.core.private_doors import bound_registration
from mtl_cli.distributed import cluster
from mtl_cli.distributed.child_processes import (
    Children,
    exit_reason,
    start_children,
    terminate,
)
from mtl_cli.distributed.rendezvous import host_and_port, rendezvous
from mtl_cli.distributed.replicas import LOST_WORKER, Replicas

# From the rendezvous until all processes have registered: the time to start the GPUs.
REGISTRATION_SECONDS = 180


def connect(
    strategy: str | None, run_folder: Path, environment: dict[str, Any]
) -> Replicas | None:
    """Connects the processes that train a run, when all of them are present.

    Args:
        strategy: the value of `trainer.strategy`.
        run_folder: the run folder; child processes read its saved configuration.
        environment: the values for `environment.json`.

    Returns: the processes; None if the chief's run is finished already.

    Raises:
        ConfigError: if a process is missing or differs, for example in its data.
    """
    if strategy == "mirrored" and len(gpus()) > 1:
        children = start_children(run_folder, len(gpus()))
        try:
            return connect_workers(environment, children)
        except BaseException:
            terminate(children)
            raise
    if strategy == "multi_worker":
        # TensorFlow reads this variable.
        os.environ[cluster.TF_CONFIG] = cluster.tf_config(*cluster.members())
        return connect_workers(environment)
    return Replicas()


def connect_workers(
    environment: dict[str, Any], children: Children = ()
) -> Replicas | None:
    """Connects the processes that `TF_CONFIG` names; see `connect`."""

    def check_children() -> None:
        if reason := exit_reason(children):
            raise LostWorkerError(f"a process of this run has ended{reason}")

    workers, rank = cluster.members()
    if not rendezvous(workers, rank, environment, check_children):
        return None
    # From here on, if one process ended, all other processes would wait for it inside
    # TensorFlow. A signal waits until the training stops all processes together.
    signals.defer()
    choose_gpu(workers, rank)
    sigterm_handler = signal.getsignal(signal.SIGTERM)
    bound_registration(len(workers), REGISTRATION_SECONDS)
    try:
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
    except LOST_WORKER as error:
        raise LostWorkerError(
            "another process of this run is lost: it did not register with TensorFlow "
            f"within {REGISTRATION_SECONDS} s{exit_reason(children)}; give the same "
            "command again on all machines"
        ) from error
    # The strategy has replaced our handler by a handler of TensorFlow.
    signal.signal(signal.SIGTERM, sigterm_handler)
    return Replicas(strategy, rank, len(workers), children)


def gpus() -> list[Any]:
    """Returns the GPUs of this machine, as TensorFlow's `PhysicalDevice` objects."""
    devices: list[Any] = tf.config.list_physical_devices("GPU")
    return devices


def choose_gpu(workers: list[str], rank: int) -> None:
    """Makes one GPU visible to TensorFlow.

    The processes on the same machine choose different GPUs.
    """
    devices = gpus()
    hosts = [host_and_port(worker)[0] for worker in workers]
    local_rank = hosts[:rank].count(hosts[rank])
    if len(devices) > 1:
        tf.config.set_visible_devices(devices[local_rank % len(devices)], "GPU")
