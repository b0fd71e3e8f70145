"""Data parallelism: several processes train one network, each on a part of every batch.

Each process holds the whole network and takes the same steps. A process computes
losses and gradients from its own rows. The sums over all processes are the losses and
gradients that one process would compute from the whole batch. TensorFlow's collectives
compute the sums; between GPUs they use NCCL.

The process of rank 0 is the chief: it writes the run folder and decides for all
processes. On a machine with several GPUs, the other processes are its children.
"""

import contextlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import tensorflow as tf

from mtl_cli.core.errors import ConfigError, LostWorkerError
from mtl_cli.core.tensors import Tensor
from mtl_cli.distributed.child_processes import Children, exit_reason, terminate

T = TypeVar("T")
# The errors that TensorFlow's collectives may raise if another process ends too early.
LOST_WORKER_ERRORS = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.InternalError,
)


def rows_per_process(batch_size: int, num_rows: int, num_processes: int) -> int:
    """Returns the number of rows of each batch that one process reads.

    A batch never holds more than all `num_rows` training rows, rounded up to a multiple
    of the number of processes.
    """
    max_rows = math.ceil(num_rows / num_processes)
    rows, remainder = divmod(batch_size, num_processes)
    if rows >= max_rows:
        return max_rows
    if remainder:
        raise ConfigError(
            f"trainer.batch_size: {num_processes} processes cannot share {batch_size} "
            f"rows evenly; set trainer.batch_size={(rows + 1) * num_processes}"
        )
    return rows


@dataclass(eq=False)
class Replicas:
    """The processes of a run as seen from one of them, and their collectives.

    A collective is a method that all processes call together, such as `all_reduce`.

    Attributes:
        strategy: TensorFlow's `MultiWorkerMirroredStrategy` with one device per
            process; None if this process trains alone.
        rank: the rank of this process; 0 for the chief.
        size: the number of processes of the run.
        children: the child processes of a chief with several GPUs.
    """

    strategy: Any = None
    rank: int = 0
    size: int = 1
    children: Children = ()

    @property
    def is_chief(self) -> bool:
        return self.rank == 0

    def all_reduce(self, tensors: T) -> T:
        """Sums each tensor of a nested structure over all processes."""
        if self.strategy is None:
            return tensors

        def reduce(values: list[Tensor]) -> Any:
            context = tf.distribute.get_replica_context()
            # `all_reduce` requires tensors on a device; `tf.identity` puts them there.
            values = [tf.identity(value) for value in values]
            return context.all_reduce(tf.distribute.ReduceOp.SUM, values)

        flat_tensors = tf.nest.flatten(tensors)
        sums = self.strategy.run(reduce, args=(flat_tensors,)) if flat_tensors else []
        summed: T = tf.nest.pack_sequence_as(tensors, sums)
        return summed

    def all_gather(self, rows: Tensor) -> Tensor:
        """Concatenates the rows of all processes by rank: (size * rows, ...)."""
        if self.strategy is None:
            return rows

        def gather(rows: Tensor) -> Tensor:
            context = tf.distribute.get_replica_context()
            return context.all_gather(tf.identity(rows), axis=0)

        gathered = self.strategy.run(gather, args=(rows,))
        return tf.ensure_shape(gathered, [self.size * rows.shape[0], *rows.shape[1:]])

    def broadcast(self, array: Any) -> Any:
        """Returns the chief's array; each process gives one of its shape and dtype."""
        if self.strategy is None:
            return array
        values = tf.convert_to_tensor(array)
        summand = values if self.is_chief else tf.zeros_like(values)
        # The sum is the chief's array, because all other summands are zero.
        return self.all_reduce(summand).numpy()

    def broadcast_number(self, value: float | None) -> float | None:
        """Returns the chief's number or None in every process.

        NaN is sent for None, so a chief's NaN becomes None.
        """
        if self.strategy is None:
            return value
        number = float(self.broadcast(np.float64(np.nan if value is None else value)))
        return None if np.isnan(number) else number

    def all_reduce_max(self, value: int, choices: list[int]) -> int:
        """Returns the largest value of all processes. Each is 0 or one of `choices`."""
        if self.strategy is None:
            return value
        # `all_reduce` can only sum. Therefore each process adds 1 to the count of its
        # value, and the result is the largest value whose count is not 0.
        one_hot = tf.constant([float(value == choice) for choice in choices])
        counts = self.all_reduce(one_hot)
        present = [x for x, count in zip(choices, counts, strict=True) if count > 0]
        return max([0, *present])

    @contextlib.contextmanager
    def detect_lost_workers(self) -> Iterator[None]:
        """Turns errors about a lost worker or chief into a `LostWorkerError`.

        Any error in the block also ends the child processes.
        """
        try:
            yield
        except BaseException as error:
            # A process that trains alone has no other process to lose.
            is_lost = self.strategy is not None and isinstance(
                error, LOST_WORKER_ERRORS
            )
            # The reason is read first, because `terminate` ends the other children too.
            reason = exit_reason(self.children) if is_lost else ""
            terminate(self.children)
            if not is_lost:
                raise
            raise LostWorkerError(
                f"another process of this run is lost{reason}; give the same command "
                "again on all machines to go on from the last checkpoint"
            ) from error

    def barrier(self) -> None:
        """Waits at the end of the work until all processes have come to this point.

        A process may exit while another still waits at the barrier. The error in the
        waiting process is ignored, because no work is left.
        """
        with contextlib.suppress(*LOST_WORKER_ERRORS):
            self._wait_for_all()

    def close(self) -> None:
        """Waits until all processes have finished and the children have ended.

        The first wait shows that the work of all processes is done. If it fails in
        another process than the chief, the chief has ended too early. The second wait
        keeps the chief alive until every process has left the first.
        """
        if self.is_chief:
            self.barrier()
        else:
            with self.detect_lost_workers():
                self._wait_for_all()
        self.barrier()
        for child in self.children:
            child.process.wait()

    def _wait_for_all(self) -> None:
        """Waits for all processes; may raise any of `LOST_WORKER_ERRORS`."""
        self.all_reduce_max(0, [1])  # any collective waits for all processes
