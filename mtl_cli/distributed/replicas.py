"""Data parallelism: processes that train one network, each on its share of a batch.

Each process holds the whole network and takes the same steps. A process computes
losses and gradients from its own rows. The sums over all processes are the losses and
gradients that one process would compute from the whole batch. TensorFlow's collectives
compute the sums; between GPUs they use NCCL.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from mtl_cli.core.errors import ConfigError, LostWorkerError
from mtl_cli.core.tensors import Tensor
from mtl_cli.distributed.child_processes import Children, exit_reason, terminate

# The errors that TensorFlow's collectives may raise after another process has ended.
LOST_WORKER = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.InternalError,
)


@dataclass(eq=False)
class Replicas:
    """The processes of a run, and the collective operations between them.

    Attributes:
        strategy: TensorFlow's `MultiWorkerMirroredStrategy` with one device per
            process; None if this process trains alone.
        rank: the rank of this process; 0 for the chief.
        size: the number of processes.
        children: the child processes that this process has started.
    """

    strategy: Any = None
    rank: int = 0
    size: int = 1
    children: Children = ()

    @property
    def is_chief(self) -> bool:
        """Whether this process writes the run folder and decides for all processes."""
        return self.rank == 0

    def all_reduce(self, tensors: Any) -> Any:
        """Sums each tensor of a nested structure over all processes."""
        if self.strategy is None:
            return tensors

        def reduce(values: list[Tensor]) -> Any:
            context = tf.distribute.get_replica_context()
            # `all_reduce` requires values on a device; `tf.identity` puts them there.
            values = [tf.identity(value) for value in values]
            return context.all_reduce(tf.distribute.ReduceOp.SUM, values)

        flat = tf.nest.flatten(tensors)
        sums = self.strategy.run(reduce, args=(flat,)) if flat else []
        return tf.nest.pack_sequence_as(tensors, sums)

    def all_gather(self, rows: Tensor) -> Tensor:
        """Concatenates the rows of all processes.

        Args:
            rows: the rows of this process, (rows, ...); all processes have as many.

        Returns: the rows in the order of the ranks, (size * rows, ...).
        """
        if self.strategy is None:
            return rows

        def gather(rows: Tensor) -> Tensor:
            context = tf.distribute.get_replica_context()
            return context.all_gather(tf.identity(rows), axis=0)

        gathered = self.strategy.run(gather, args=(rows,))
        return tf.ensure_shape(gathered, [self.size * rows.shape[0], *rows.shape[1:]])

    def broadcast(self, array: Any) -> Any:
        """Returns the chief's array in every process."""
        if self.strategy is None:
            return array
        value = tf.convert_to_tensor(array)
        summand = value if self.is_chief else tf.zeros_like(value)
        # The sum is the chief's array, because all other summands are zero.
        return self.all_reduce(summand).numpy()

    def broadcast_number(self, value: float | None) -> float | None:
        """Returns the chief's number or None in every process; NaN becomes None."""
        if self.strategy is None:
            return value
        number = float(self.broadcast(np.float64(np.nan if value is None else value)))
        return None if np.isnan(number) else number

    def all_reduce_max(self, value: int, choices: list[int]) -> int:
        """Returns the largest of all processes' values.

        Args:
            value: the value of this process: 0 or one of `choices`.
            choices: the possible values above 0.
        """
        if self.strategy is None:
            return value
        one_hot = tf.constant([float(value == choice) for choice in choices])
        counts = self.all_reduce(one_hot)
        return max([0, *(c for c, n in zip(choices, counts, strict=True) if n)])

    def rows_per_process(self, batch_size: int) -> int:
        """Returns the number of rows of each batch that one process takes.

        Raises:
            ConfigError: if the processes cannot share a batch evenly.
        """
        rows, remainder = divmod(batch_size, self.size)
        if remainder:
            raise ConfigError(
                f"trainer.batch_size: {self.size} processes cannot share {batch_size} "
                f"rows evenly; set it to {(rows + 1) * self.size}"
            )
        return rows

    @contextlib.contextmanager
    def detect_lost_workers(self) -> Iterator[None]:
        """Turns TensorFlow's errors about a lost process into a `LostWorkerError`.

        Any error in the block ends the child processes.

        Raises:
            LostWorkerError: if another process no longer answers.
        """
        try:
            yield
        except LOST_WORKER as error:
            if self.strategy is None:
                raise
            reason = exit_reason(self.children)
            terminate(self.children)
            raise LostWorkerError(
                f"another process of this run is lost{reason}; the same command on all "
                "machines goes on from the last checkpoint"
            ) from error
        except BaseException:
            terminate(self.children)
            raise

    def barrier(self) -> None:
        """Waits until all processes have reached the end of their work.

        Without the barrier, a process could exit while another process still computes
        with it. A process that leaves the barrier first may still exit while another
        process waits. The waiting process then gets a `LOST_WORKER` error: at this
        point the error is harmless.
        """
        with contextlib.suppress(*LOST_WORKER):
            self.all_reduce_max(0, [1])

    def close(self) -> None:
        """Waits until all processes have finished and the children have ended.

        Raises:
            LostWorkerError: in a worker, if the chief ends before its work is done.
        """
        # Workers pass the first barrier only if the chief has come to it, and the chief
        # ends only after the workers have passed it.
        if self.is_chief:
            self.barrier()
        else:
            with self.detect_lost_workers():
                self.all_reduce_max(0, [1])
        self.barrier()
        for child in self.children:
            child.wait()
