"""Connects the processes that train a run together, once all of them are present."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tensorflow as tf

from mtl_cli.core import signals
from mtl_cli.core.errors import LostWorkerError
from mtl_cli.core.private_apis import limit_registration_time
from mtl_cli.distributed import cluster
from mtl_cli.distributed.child_processes import (
    Children,
    exit_reason,
    start_children,
    terminate,
)
from mtl_cli.distributed.rendezvous import host_and_port, join_rendezvous
from mtl_cli.distributed.replicas import LOST_WORKER_ERRORS, Replicas

# All processes must register with TensorFlow within this time after the rendezvous. In
# this time TensorFlow starts the GPUs.
REGISTRATION_SECONDS = 180


def connect(
    strategy: str | None,
    run_folder: Path,
    environment: dict[str, Any],
    warn: Callable[[str], object],
) -> Replicas | None:
    """Connects this process with the other processes of its run, once all are present.

    With the strategy `mirrored`, this process is the chief, and first starts the other
    processes, one for each other GPU. The processes read the configuration in the run
    folder.

    Some values of `environment`, the content of `environment.json`, must be equal in
    all processes.

    Returns: the connected processes; None if the chief's run is finished already.
    """
    if strategy == "mirrored":
        if len(gpus()) < 2:
            warn(
                "trainer.strategy=mirrored: there are fewer than two GPUs, so one "
                "process trains"
            )
            return Replicas()
        children = start_children(run_folder, len(gpus()))
        try:
            return connect_workers(environment, children)
        except BaseException:
            terminate(children)
            raise
    if strategy == "multi_worker":
        # TensorFlow's strategy reads this variable, but not the variables of Slurm.
        os.environ[cluster.TF_CONFIG] = cluster.tf_config(*cluster.workers_and_rank())
        return connect_workers(environment)
    return Replicas()


def connect_workers(
    environment: dict[str, Any], children: Children = ()
) -> Replicas | None:
    """Connects the processes whose addresses `TF_CONFIG` holds; see `connect`."""
    workers, rank = cluster.workers_and_rank()
    if not join_rendezvous(workers, rank, environment, children):
        return None
    # A signal must not end this process alone: other processes would wait for it inside
    # TensorFlow. So signals wait until the training can stop all processes together.
    signals.defer()
    choose_gpu(workers, rank)
    # TensorFlow's strategy replaces this handler; it is put back below.
    sigterm_handler = signal.getsignal(signal.SIGTERM)
    limit_registration_time(len(workers), REGISTRATION_SECONDS)
    try:
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
    except LOST_WORKER_ERRORS as error:
        raise LostWorkerError(
            "another process of this run is lost: it did not register with TensorFlow "
            f"within {REGISTRATION_SECONDS} s{exit_reason(children)}; give the same "
            "command again on all machines"
        ) from error
    signal.signal(signal.SIGTERM, sigterm_handler)
    return Replicas(strategy, rank, len(workers), children)


def gpus() -> list[Any]:
    devices: list[Any] = tf.config.list_physical_devices("GPU")
    return devices


def choose_gpu(workers: list[str], rank: int) -> None:
    """Makes one GPU visible to TensorFlow, a different GPU for each local process."""
    devices = gpus()
    hosts = [host_and_port(worker)[0] for worker in workers]
    local_rank = hosts[:rank].count(hosts[rank])  # among this machine's processes
    if len(devices) > 1:
        tf.config.set_visible_devices(devices[local_rank % len(devices)], "GPU")
