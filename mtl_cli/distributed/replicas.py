"""Processes that train one network together, each on its share of every batch.

Each holds the whole network and takes the same steps: what differs by its rows (losses,
gradients) is summed over all of them, so that together they compute what one process
would. TensorFlow's collectives do the sums, over NCCL between GPUs.
"""

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from mtl_cli.core.errors import ConfigError, LostWorkerError
from mtl_cli.distributed import cluster
from mtl_cli.distributed.processes import end, started, words
from mtl_cli.distributed.rendezvous import address, meet

# What collectives raise where a process has gone.
LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.InternalError,
)


class Replicas:
    """The processes of a run, seen from one of them.

    Args:
        strategy: `MultiWorkerMirroredStrategy` with one device a process, or None if
            this process is alone.
        rank: which process this is; 0 is the chief.
        size: how many there are.
        helpers: processes that this one has started.
    """

    def __init__(
        self,
        strategy: Any = None,
        rank: int = 0,
        size: int = 1,
        helpers: Sequence[subprocess.Popen[str]] = (),
    ) -> None:
        self.strategy = strategy
        self.rank = rank
        self.size = size
        self.helpers = helpers

    @property
    def chief(self) -> bool:
        """Whether this process is the one that writes and decides."""
        return self.rank == 0

    def sum(self, tensors: Any) -> Any:
        """Returns the sum over all processes of each of a structure of tensors."""
        if self.strategy is None:
            return tensors

        def summed(values: list[Any]) -> Any:
            context = tf.distribute.get_replica_context()
            # Which gives them a device, as TensorFlow needs it.
            values = [tf.identity(value) for value in values]
            return context.all_reduce(tf.distribute.ReduceOp.SUM, values)

        flat = tf.nest.flatten(tensors)
        found = self.strategy.run(summed, args=(flat,)) if flat else []
        return tf.nest.pack_sequence_as(tensors, found)

    def joined(self, rows: Any) -> Any:
        """Returns the rows of all processes one below the other, (size * rows, ...)."""
        if self.strategy is None:
            return rows

        def gathered(mine: Any) -> Any:
            context = tf.distribute.get_replica_context()
            return context.all_gather(tf.identity(mine), axis=0)

        found = self.strategy.run(gathered, args=(rows,))
        return tf.ensure_shape(found, [self.size * rows.shape[0], *rows.shape[1:]])

    def from_chief(self, value: Any) -> Any:
        """Returns the chief's numbers, an array, in every process."""
        if self.strategy is None:
            return value
        value = tf.convert_to_tensor(value)
        mine = value if self.rank == 0 else tf.zeros_like(value)
        return self.sum([mine])[0].numpy()

    def agreed(self, value: float | None) -> float | None:
        """Returns the chief's number, which may be None, in every process."""
        if self.strategy is None:
            return value
        found = float(self.from_chief(np.float64(np.nan if value is None else value)))
        return None if np.isnan(found) else found

    def highest(self, value: int, choices: list[int]) -> int:
        """Returns the highest of all processes' values, 0 or one of some choices."""
        if self.strategy is None:
            return value
        counts = self.sum([tf.constant([float(value == c) for c in choices])])[0]
        return max([0, *(c for c, n in zip(choices, counts, strict=True) if n)])

    def share(self, batch_size: int) -> int:
        """Returns how many rows of each batch a process takes.

        Raises:
            ConfigError: if they do not all take the same.
        """
        share, left = divmod(batch_size, self.size)
        if left:
            raise ConfigError(
                f"trainer.batch_size: {self.size} processes cannot share {batch_size} "
                f"rows evenly; set it to {(share + 1) * self.size}"
            )
        return share

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Says in one line that another process is lost, if it is.

        Raises:
            LostWorkerError: if another process no longer answers.
        """
        try:
            yield
        except LOST as error:
            if self.strategy is None:
                raise
            said = words(self.helpers)
            end(self.helpers)
            raise LostWorkerError(
                f"another process of this run is lost{said}; the same command on all "
                "machines goes on from the last checkpoint"
            ) from error
        except BaseException:
            end(self.helpers)
            raise

    def part(self) -> None:
        """Waits until all processes have come here, the last thing they do together.

        One that has heard of it may end before another has, for which it is lost: no
        harm is done. Without it that would be so of what they did before.
        """
        with contextlib.suppress(*LOST):
            self.highest(0, [1])

    def close(self) -> None:
        """Parts, and waits for the processes that this one has started."""
        self.part()
        for helper in self.helpers:
            helper.wait()


def join(strategy: str | None, run: Path, about: dict[str, Any]) -> Replicas:
    """Returns the processes that train a run; waits until all of them are there.

    Args:
        strategy: `trainer.strategy`.
        run: the run folder, whose configuration other processes can run.
        about: what the run's numbers depend on, as in `environment.json`.

    Raises:
        ConfigError: if one does not come, or is about another run.
    """
    if strategy == "mirrored":
        return on_all_gpus(run, about)
    if strategy == "multi_worker":
        if cluster.TF_CONFIG not in os.environ:
            workers, index = cluster.slurm_workers(), cluster.rank(strategy)
            os.environ[cluster.TF_CONFIG] = cluster.configured(workers, index)
        return connected(about)
    return Replicas()


def connected(
    about: dict[str, Any], helpers: Sequence[subprocess.Popen[str]] = ()
) -> Replicas:
    """Joins the processes that `TF_CONFIG` names."""

    def check() -> None:
        if said := words(helpers):
            raise LostWorkerError(f"a process of this run has ended{said}")

    workers, index = cluster.tf_config()
    meet(workers, index, about, check)
    own_gpu(workers, index)
    ours = signal.getsignal(signal.SIGTERM)
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    signal.signal(signal.SIGTERM, ours)  # which TensorFlow has just taken for itself
    return Replicas(strategy, index, len(workers), helpers)


def gpus() -> list[Any]:
    """Returns the GPUs of this machine."""
    found: list[Any] = tf.config.list_physical_devices("GPU")
    return found


def own_gpu(workers: list[str], index: int) -> None:
    """Leaves each process of a machine one of its GPUs."""
    found = gpus()
    hosts = [address(worker)[0] for worker in workers]
    before = hosts[:index].count(hosts[index])
    if len(found) > 1:
        tf.config.set_visible_devices(found[before % len(found)], "GPU")


def on_all_gpus(run: Path, about: dict[str, Any]) -> Replicas:
    """Starts a process for each further GPU of this machine, and joins them."""
    if len(gpus()) < 2:
        return Replicas()
    helpers = started(run, len(gpus()))
    try:
        return connected(about, helpers)
    except BaseException:
        end(helpers)
        raise
