"""Feeds training rows to the steps, from memory or from disk.

A feed yields the rows of an epoch as buffers. If several processes train together, the
feed of each process yields only the rows that this process trains on. The seed and the
epoch determine the order of the rows.
"""

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from mtl_cli.core.errors import ConfigError
from mtl_cli.core.tensors import Tensor
from mtl_cli.data.table import StoredTable, Table, as_arrays, as_table, concatenate

BLOCK_ROWS = 4096
BUFFER_ROWS = 64 * BLOCK_ROWS

Indices = npt.NDArray[np.integer]
Shard = tuple[int, int]  # rank of this process, number of processes


class TensorTable(NamedTuple):
    """Rows as tensors in the device's memory; see `data.table.Table` for the fields."""

    features: dict[str, Tensor]
    labels: dict[str, Tensor]
    weights: dict[str, Tensor]
    log_rates: dict[str, Tensor]


class ShuffleBuffer(NamedTuple):
    """Rows to train on, and the order in which the steps take these rows.

    Attributes:
        order: indices of rows of `data`. Each step takes the next indices, one for each
            row that this process has in a batch.
        num_rows: number of indices at the start of `order` to train on. All later
            indices only fill the last batch.
    """

    data: TensorTable
    order: Indices
    num_rows: int
    num_steps: int


Buffers = Iterator[ShuffleBuffer]


class MemoryFeed:
    """Feeds rows from memory: a single buffer holds a whole epoch.

    Every process holds all rows, and gets equally many rows of each batch.
    """

    def __init__(self, table: Table, tasks: list[str], shard: Shard = (0, 1)) -> None:
        self.rows_per_epoch = table.num_rows
        self.data = to_tensors(table, tasks)
        self.shard = shard

    def buffers(self, seed: int, epoch: int, batch_size: int) -> Buffers:
        random = np.random.default_rng([seed, epoch])
        yield self.buffer(random.permutation(self.rows_per_epoch), batch_size)

    def buffer(self, order: Indices, batch_size: int) -> ShuffleBuffer:
        """Returns this process's rows of each batch.

        `order` and `batch_size` are about the rows of all processes together.
        """
        rank, num_processes = self.shard
        num_steps = math.ceil(len(order) / batch_size)
        size = batch_size // num_processes  # rows of this process in a batch
        # `np.resize` fills the last batch with rows from the start of the order.
        batches = np.resize(order, (num_steps, num_processes, size))
        # In the last batch, this process may have fewer rows that are trained on.
        start_in_last_batch = (num_steps - 1) * batch_size + rank * size
        rows_in_last_batch = int(np.clip(len(order) - start_in_last_batch, 0, size))
        num_rows = (num_steps - 1) * size + rows_in_last_batch
        return ShuffleBuffer(self.data, batches[:, rank].ravel(), num_rows, num_steps)


class StreamFeed:
    """Feeds rows from disk, shuffled twice.

    The table is split into blocks of neighbouring rows. First the order of the blocks
    is shuffled, then the order of the rows within each buffer. A buffer holds about
    `BUFFER_ROWS` rows from anywhere in the table, or about one batch if a batch is
    larger. So the memory does not grow with the table. The next buffer is read while
    the steps work on the current buffer.

    Every process reads equally many rows, `num_rows`. The last rows of the table are
    left out if the number of rows is not a multiple of the number of processes.
    """

    def __init__(
        self, table: StoredTable, tasks: list[str], shard: Shard = (0, 1)
    ) -> None:
        rank, self.num_processes = shard
        self.table = table
        self.tasks = tasks
        self.num_rows = table.num_rows // self.num_processes
        if not self.num_rows:
            raise ConfigError(
                f"dataset: {table.num_rows} training rows are too few for "
                f"{self.num_processes} processes"
            )
        self.rows_per_epoch = self.num_rows * self.num_processes
        self.first_row = rank * self.num_rows

    def buffers(self, seed: int, epoch: int, batch_size: int) -> Buffers:
        """Yields the buffers of an epoch.

        The steps take whole batches from each buffer but the last. The rows that are
        left over are put into the next buffer: perhaps all rows, since a buffer with
        the short last block of the table may be smaller than a batch.
        """
        size = batch_size // self.num_processes  # rows of this process in a batch
        random = np.random.default_rng([seed, epoch])
        blocks = random.permutation(math.ceil(self.num_rows / BLOCK_ROWS))
        blocks_per_buffer = max(BUFFER_ROWS, size) // BLOCK_ROWS + 1
        # A buffer also holds the rows left over from the buffer before: fewer rows than
        # one batch.
        capacity = min(blocks_per_buffer * BLOCK_ROWS + size, self.num_rows)
        first_blocks, *later_blocks = [
            blocks[start : start + blocks_per_buffer]
            for start in range(0, len(blocks), blocks_per_buffer)
        ]
        left_over: list[Table] = []
        with ThreadPoolExecutor(1) as reader:
            next_table = reader.submit(self.read, first_blocks)
            for next_blocks in [*later_blocks, None]:  # None: there is no next buffer
                table = concatenate([*left_over, next_table.result()])
                if next_blocks is not None:
                    next_table = reader.submit(self.read, next_blocks)
                order = random.permutation(table.num_rows)
                num_left_over = 0 if next_blocks is None else table.num_rows % size
                num_rows = table.num_rows - num_left_over
                num_steps = math.ceil(num_rows / size)
                # The steps are compiled for one shape, so all buffers have this shape.
                data = to_tensors(pad(table, capacity), self.tasks)
                yield ShuffleBuffer(data, order[:num_rows], num_rows, num_steps)
                left_over = [table.take(order[num_rows:])]

    def read(self, blocks: Indices) -> Table:
        tables = []
        for block in blocks.tolist():
            start = self.first_row + block * BLOCK_ROWS
            stop = min(start + BLOCK_ROWS, self.first_row + self.num_rows)
            tables.append(self.table.read(start, stop))
        return concatenate(tables)


Feed = MemoryFeed | StreamFeed


def make_feed(table: Table, tasks: list[str], shard: Shard = (0, 1)) -> Feed:
    """Makes the feed of one process: from disk for a stored table, else from memory."""
    if isinstance(table, StoredTable):
        return StreamFeed(table, tasks, shard)
    return MemoryFeed(table, tasks, shard)


def to_tensors(table: Table, tasks: list[str]) -> TensorTable:
    """Copies rows to the device, with labels and weights of the given tasks only."""
    data = TensorTable(
        table.features,
        {task: table.labels[task] for task in tasks},
        {task: table.weights[task] for task in tasks},
        {task: x for task, x in table.log_rates.items() if task in tasks},
    )
    tensors: TensorTable = tf.nest.map_structure(tf.constant, data)
    return tensors


def pad(table: Table, num_rows: int) -> Table:
    """Adds rows of zeros at the end of a table, up to `num_rows` rows in all."""
    padded = {}
    for name, x in as_arrays(table).items():
        rows_to_add = [(0, num_rows - len(x))]
        padded[name] = np.pad(x, rows_to_add + [(0, 0)] * (x.ndim - 1))
    return as_table(padded)
