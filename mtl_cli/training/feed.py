"""Training rows on their way to the steps: all in memory, or part by part from disk."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from mtl_cli.data.table import StoredTable, Table, as_arrays, as_table

BLOCK_ROWS = 4096
BUFFER_ROWS = 64 * BLOCK_ROWS

Shard = tuple[int, int]  # number of this process, number of processes


class ShuffleBuffer(NamedTuple):
    """Rows in the device's memory, and the order in which to train on them."""

    data: Any  # features, labels and weights: dicts of tensors
    order: npt.NDArray[Any]  # row numbers
    rows: int  # so many of the order's first rows count; the others are padding
    steps: int  # number of batches of these rows


Buffers = Iterator[ShuffleBuffer]


class MemoryFeed:
    """Rows that all lie in memory: one buffer holds an epoch.

    Args:
        table: training rows.
        tasks: names of the tasks whose labels and weights are needed.
        shard: which share of each batch to give, and the number of shares.
    """

    def __init__(self, table: Table, tasks: list[str], shard: Shard = (0, 1)) -> None:
        self.rows = table.rows
        self.data = tensors(table, tasks)
        self.shard = shard

    def buffer(self, order: npt.NDArray[Any], batch_size: int) -> ShuffleBuffer:
        """Returns this process's share of each batch of rows in a given order."""
        rank, size = self.shard
        rows, steps = len(order), -(-len(order) // batch_size)
        share = batch_size // size
        # The last batch is filled up with the first rows of the whole order.
        batches = np.resize(order, (steps, size, share))
        in_last = np.clip(rows - (steps - 1) * batch_size - rank * share, 0, share)
        real_rows = (steps - 1) * share + int(in_last)
        return ShuffleBuffer(self.data, batches[:, rank].ravel(), real_rows, steps)

    def buffers(self, seed: int, epoch: int, batch_size: int) -> Buffers:
        """Yields the rows of an epoch; the seed decides their order."""
        random = np.random.default_rng([seed, epoch])
        yield self.buffer(random.permutation(self.rows), batch_size)


class StreamFeed:
    """Rows on disk, shuffled in two steps: blocks of rows, then the rows of a buffer.

    A buffer holds 65 blocks chosen at random over all files, so that memory does not
    grow with the table. The next buffer is read while the steps work on this one.

    Args:
        table: training rows.
        tasks: names of the tasks whose labels and weights are needed.
        shard: which share of the rows to read, and the number of equal shares. Rows
            that the shares do not divide are left out.
    """

    def __init__(
        self, table: StoredTable, tasks: list[str], shard: Shard = (0, 1)
    ) -> None:
        rank, self.num_shards = shard
        self.table, self.tasks = table, tasks
        self.rows = table.rows // self.num_shards
        self.first_row = rank * self.rows

    def buffers(self, seed: int, epoch: int, batch_size: int) -> Buffers:
        """Yields the rows of an epoch; the seed decides their order.

        All buffers but the last hold whole batches. The rows that are left over come
        first in the next buffer.
        """
        batch_size //= self.num_shards
        random = np.random.default_rng([seed, epoch])
        blocks = random.permutation(-(-self.rows // BLOCK_ROWS))
        # One block more, since the table's last block may be short: a buffer holds at
        # least one batch.
        num_blocks = max(BUFFER_ROWS, batch_size) // BLOCK_ROWS + 1
        capacity = min(num_blocks * BLOCK_ROWS + batch_size, self.rows)
        left_over: list[Table] = []
        with ThreadPoolExecutor(1) as reader:
            upcoming = reader.submit(self.read, blocks[:num_blocks])
            for start in range(0, len(blocks), num_blocks):
                table = concatenated([*left_over, upcoming.result()])
                following = blocks[start + num_blocks : start + 2 * num_blocks]
                is_last = not len(following)
                if not is_last:
                    upcoming = reader.submit(self.read, following)
                order = random.permutation(table.rows)
                rows = table.rows - (0 if is_last else table.rows % batch_size)
                # Buffers of one shape, so that the steps are compiled once.
                data = tensors(padded(table, capacity), self.tasks)
                yield ShuffleBuffer(data, order[:rows], rows, -(-rows // batch_size))
                left_over = [table.take(order[rows:])]

    def read(self, blocks: npt.NDArray[Any]) -> Table:
        """Reads blocks of rows."""
        return concatenated(
            [
                self.table.read(
                    self.first_row + block * BLOCK_ROWS,
                    self.first_row + min((block + 1) * BLOCK_ROWS, self.rows),
                )
                for block in blocks.tolist()
            ]
        )


Feed = MemoryFeed | StreamFeed


def feed_of(
    table: Table | StoredTable, tasks: list[str], shard: Shard = (0, 1)
) -> Feed:
    """Returns the feed of a table's rows, or of one process's share of them."""
    if isinstance(table, StoredTable):
        return StreamFeed(table, tasks, shard)
    return MemoryFeed(table, tasks, shard)


def tensors(table: Table, tasks: list[str]) -> Any:
    """Returns the features, labels and weights of rows as tensors."""
    return tf.nest.map_structure(
        tf.constant,
        (
            table.features,
            {task: table.labels[task] for task in tasks},
            {task: table.weights[task] for task in tasks},
        ),
    )


def concatenated(tables: list[Table]) -> Table:
    """Returns the rows of several tables."""
    arrays = [as_arrays(table) for table in tables]
    return as_table({n: np.concatenate([a[n] for a in arrays]) for n in arrays[0]})


def padded(table: Table, num_rows: int) -> Table:
    """Returns a table with rows of zeros at its end, `num_rows` rows in all."""
    return as_table(
        {
            name: np.pad(x, [(0, num_rows - len(x))] + [(0, 0)] * (x.ndim - 1))
            for name, x in as_arrays(table).items()
        }
    )
