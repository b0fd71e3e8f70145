"""Feeds training rows to the steps: all from memory, or part by part from disk."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from mtl_cli.core.tensors import Tensor
from mtl_cli.data.table import StoredTable, Table, as_arrays, as_table

BLOCK_ROWS = 4096
BUFFER_ROWS = 64 * BLOCK_ROWS

RowNumbers = npt.NDArray[np.integer]
Shard = tuple[int, int]  # rank of this process, number of processes


class TensorTable(NamedTuple):
    """Rows as tensors in the device's memory; see `data.table.Table` for the keys."""

    features: dict[str, Tensor]
    labels: dict[str, Tensor]
    weights: dict[str, Tensor]
    log_rates: dict[str, Tensor]


class ShuffleBuffer(NamedTuple):
    """Rows to train on, and their order.

    Attributes:
        data: the rows.
        order: numbers of rows of `data`. Each step takes one number for each row that
            this process has in a batch.
        rows: the count of numbers at the start of `order` that are rows to train on.
            The numbers after them only fill the last batch.
        steps: number of batches.
    """

    data: TensorTable
    order: RowNumbers
    rows: int
    steps: int


Buffers = Iterator[ShuffleBuffer]


class MemoryFeed:
    """Rows in memory: a single buffer holds a whole epoch.

    Args:
        table: the training rows.
        tasks: names of the tasks whose labels and weights are needed.
        shard: the rank of this process and the number of processes. Every process
            gets an equal share of each batch.
    """

    def __init__(self, table: Table, tasks: list[str], shard: Shard = (0, 1)) -> None:
        self.rows = table.rows
        self.data = to_tensors(table, tasks)
        self.shard = shard

    def buffers(self, seed: int, epoch: int, batch_size: int) -> Buffers:
        """Yields the buffer of an epoch, in an order that seed and epoch decide."""
        random = np.random.default_rng([seed, epoch])
        yield self.buffer(random.permutation(self.rows), batch_size)

    def buffer(self, order: RowNumbers, batch_size: int) -> ShuffleBuffer:
        """Returns this process's share of the batches of rows in a given order."""
        rank, num_processes = self.shard
        steps = -(-len(order) // batch_size)
        share = batch_size // num_processes
        # `np.resize` fills the last batch with rows from the start of the order.
        batches = np.resize(order, (steps, num_processes, share))
        rows_before_share = (steps - 1) * batch_size + rank * share
        rows_in_last_share = int(np.clip(len(order) - rows_before_share, 0, share))
        rows = (steps - 1) * share + rows_in_last_share
        return ShuffleBuffer(self.data, batches[:, rank].ravel(), rows, steps)


class StreamFeed:
    """Rows on disk, shuffled twice: first blocks of rows, then the rows of a buffer.

    A buffer holds 65 blocks chosen at random over all files, or about one batch if a
    batch is larger. Memory therefore does not grow with the table. The next buffer is
    read while the steps work on the current buffer.

    Args:
        table: the training rows.
        tasks: names of the tasks whose labels and weights are needed.
        shard: the rank of this process and the number of processes. Every process
            reads an equal share of the rows. The last rows are left out if the
            number of rows is not a multiple of the number of processes.
    """

    def __init__(
        self, table: StoredTable, tasks: list[str], shard: Shard = (0, 1)
    ) -> None:
        rank, self.num_processes = shard
        self.table, self.tasks = table, tasks
        self.rows = table.rows // self.num_processes
        self.first_row = rank * self.rows

    def buffers(self, seed: int, epoch: int, batch_size: int) -> Buffers:
        """Yields the buffers of an epoch, in an order that seed and epoch decide.

        All buffers but the last hold whole batches; the rows that are left over join
        the next buffer. The table's last block may be short, and the buffer with this
        block may then have fewer rows than a large batch. Such a buffer has no steps,
        and all its rows are left over.
        """
        batch_size //= self.num_processes
        random = np.random.default_rng([seed, epoch])
        blocks = random.permutation(-(-self.rows // BLOCK_ROWS))
        blocks_per_buffer = max(BUFFER_ROWS, batch_size) // BLOCK_ROWS + 1
        # Fewer rows than a batch are left over from the buffer before.
        capacity = min(blocks_per_buffer * BLOCK_ROWS + batch_size, self.rows)
        left_over: list[Table] = []
        with ThreadPoolExecutor(1) as reader:
            next_table = reader.submit(self.read, blocks[:blocks_per_buffer])
            for start in range(0, len(blocks), blocks_per_buffer):
                table = concatenate([*left_over, next_table.result()])
                next_start = start + blocks_per_buffer
                next_blocks = blocks[next_start : next_start + blocks_per_buffer]
                is_last = not len(next_blocks)
                if not is_last:
                    next_table = reader.submit(self.read, next_blocks)
                order = random.permutation(table.rows)
                rows = table.rows - (0 if is_last else table.rows % batch_size)
                # The steps are compiled once, so all buffers must have one shape.
                data = to_tensors(pad(table, capacity), self.tasks)
                yield ShuffleBuffer(data, order[:rows], rows, -(-rows // batch_size))
                left_over = [table.take(order[rows:])]

    def read(self, blocks: RowNumbers) -> Table:
        """Reads the rows of some blocks, given the blocks' numbers."""
        tables = []
        for block in blocks.tolist():
            start, stop = block * BLOCK_ROWS, min((block + 1) * BLOCK_ROWS, self.rows)
            tables.append(
                self.table.read(self.first_row + start, self.first_row + stop)
            )
        return concatenate(tables)


Feed = MemoryFeed | StreamFeed


def feed_of(
    table: Table | StoredTable, tasks: list[str], shard: Shard = (0, 1)
) -> Feed:
    """Returns a feed of one process's share of a table's rows."""
    if isinstance(table, StoredTable):
        return StreamFeed(table, tasks, shard)
    return MemoryFeed(table, tasks, shard)


def to_tensors(table: Table, tasks: list[str]) -> TensorTable:
    """Copies rows, with what the losses of some tasks need, to the device."""
    data = TensorTable(
        table.features,
        {task: table.labels[task] for task in tasks},
        {task: table.weights[task] for task in tasks},
        {task: x for task, x in table.log_rates.items() if task in tasks},
    )
    tensors: TensorTable = tf.nest.map_structure(tf.constant, data)
    return tensors


def concatenate(tables: list[Table]) -> Table:
    """Returns the rows of several tables as one table."""
    arrays = [as_arrays(table) for table in tables]
    return as_table({n: np.concatenate([a[n] for a in arrays]) for n in arrays[0]})


def pad(table: Table, num_rows: int) -> Table:
    """Returns a table with rows of zeros at its end, `num_rows` rows in all."""
    return as_table(
        {
            name: np.pad(x, [(0, num_rows - len(x))] + [(0, 0)] * (x.ndim - 1))
            for name, x in as_arrays(table).items()
        }
    )
