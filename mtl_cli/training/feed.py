"""Training rows on their way to the steps: all in memory, or slab by slab from disk."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from mtl_cli.data.table import StoredTable, Table, as_arrays, as_table

BLOCK_ROWS = 4096
SLAB_ROWS = 64 * BLOCK_ROWS


class Slab(NamedTuple):
    """Rows in the device's memory, and the order in which to train on them."""

    data: Any  # features, labels and weights: dicts of tensors
    order: npt.NDArray[Any]  # row numbers
    rows: int  # so many of them count; what follows is padding
    steps: int  # that these rows are for


class MemoryFeed:
    """Rows that all lie in memory: an epoch is one slab.

    Args:
        table: training rows.
        tasks: whose labels and weights are needed.
        part: which share of each batch is wanted, and of how many.
    """

    def __init__(
        self, table: Table, tasks: list[str], part: tuple[int, int] = (0, 1)
    ) -> None:
        self.rows = table.rows
        self.data = tensors(table, tasks)
        self.part = part

    def slab(self, order: npt.NDArray[Any], batch_size: int) -> Slab:
        """Returns all rows in a given order, or a share of each of their batches."""
        mine, of = self.part
        rows, steps = len(order), -(-len(order) // batch_size)
        share = batch_size // of
        batches = np.resize(order, (steps, of, share))
        in_last = np.clip(rows - (steps - 1) * batch_size - mine * share, 0, share)
        # The padding too is that of the whole batch.
        counted = (steps - 1) * share + int(in_last)
        return Slab(self.data, batches[:, mine].ravel(), counted, steps)

    def slabs(self, seed: int, epoch: int, batch_size: int) -> Iterator[Slab]:
        """Yields the rows of an epoch in its order, which the seed decides."""
        random = np.random.default_rng([seed, epoch])
        yield self.slab(random.permutation(self.rows), batch_size)


class StreamFeed:
    """Rows on disk, shuffled in two steps: blocks of rows, then the rows of a slab.

    A slab holds 65 blocks chosen at random over all files, so memory does not grow
    with rows. The next one is read while the steps work on the last.

    Args:
        table: training rows.
        tasks: whose labels and weights are needed.
        part: which share of the rows is read, and of how many equal ones; fewer than
            one row a share may be left over.
    """

    def __init__(
        self, table: StoredTable, tasks: list[str], part: tuple[int, int] = (0, 1)
    ) -> None:
        self.table, self.tasks, self.part = table, tasks, part
        self.rows = table.rows // part[1]
        self.first = part[0] * self.rows

    def slabs(self, seed: int, epoch: int, batch_size: int) -> Iterator[Slab]:
        """Yields the rows of an epoch in its order, which the seed decides.

        All slabs but the last are whole batches; what is left over of one comes first
        in the next.
        """
        batch_size //= self.part[1]
        random = np.random.default_rng([seed, epoch])
        blocks = random.permutation(-(-self.rows // BLOCK_ROWS))
        # One more, since the table's last block may be short: a slab holds a batch.
        a_slab = max(SLAB_ROWS, batch_size) // BLOCK_ROWS + 1
        capacity = min(a_slab * BLOCK_ROWS + batch_size, self.rows)
        starts = range(0, len(blocks), a_slab)
        parts: list[Table] = []
        with ThreadPoolExecutor(1) as reader:
            upcoming = reader.submit(self.read, blocks[:a_slab])
            for start in starts:
                table = concatenated([*parts, upcoming.result()])
                following = blocks[start + a_slab : start + 2 * a_slab]
                last = not len(following)
                if not last:
                    upcoming = reader.submit(self.read, following)
                order = random.permutation(table.rows)
                whole = table.rows - (0 if last else table.rows % batch_size)
                yield Slab(
                    tensors(padded(table, capacity), self.tasks),
                    order[:whole],
                    whole,
                    -(-whole // batch_size),
                )
                parts = [table.take(order[whole:])]

    def read(self, blocks: npt.NDArray[Any]) -> Table:
        """Reads blocks of rows."""
        return concatenated(
            [
                self.table.read(
                    self.first + block * BLOCK_ROWS,
                    self.first + min((block + 1) * BLOCK_ROWS, self.rows),
                )
                for block in blocks.tolist()
            ]
        )


Feed = MemoryFeed | StreamFeed


def feed_of(
    table: Table | StoredTable, tasks: list[str], part: tuple[int, int] = (0, 1)
) -> Feed:
    """Returns the feed of a table's rows, or of one process's part of them."""
    if isinstance(table, StoredTable):
        return StreamFeed(table, tasks, part)
    return MemoryFeed(table, tasks, part)


def tensors(table: Table, tasks: list[str]) -> Any:
    """Returns what steps need of some rows, as tensors."""
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


def padded(table: Table, rows: int) -> Table:
    """Returns a table of so many rows, those at the end being zeros."""
    return as_table(
        {
            name: np.pad(x, [(0, rows - len(x))] + [(0, 0)] * (x.ndim - 1))
            for name, x in as_arrays(table).items()
        }
    )
