"""Samples the rows of a table in blocks, because consecutive rows are quick to read.

The rows of a table may be sorted by time. Therefore the blocks are spread evenly from
the start of the table to its end.
"""

from collections.abc import Iterator

import numpy as np

from mtl_cli.data.table import Array, Table, concatenate

MAX_ROWS = 20_000
NUM_BLOCKS = 10


def block_bounds(num_rows: int) -> list[tuple[int, int]]:
    """Returns (start, stop) of each block, of at most `MAX_ROWS` rows together."""
    num_blocks = min(NUM_BLOCKS, num_rows)
    starts = [int(block * num_rows / num_blocks) for block in range(num_blocks)]
    next_starts = [*starts[1:], num_rows]
    return [
        (start, min(next_start, start + MAX_ROWS // NUM_BLOCKS))
        for start, next_start in zip(starts, next_starts, strict=True)
    ]


def sample_blocks(table: Table) -> Iterator[Table]:
    for start, stop in block_bounds(table.num_rows):
        yield table.read(start, stop)


def sample_of(table: Table) -> Table:
    """Reads the sampled rows of a table into one table in memory."""
    return concatenate(sample_blocks(table))


def sample_indices(num_rows: int) -> Array:
    """Returns the indices of the sampled rows of a table, ascending."""
    return np.concatenate([np.arange(*bounds) for bounds in block_bounds(num_rows)])
