"""A sample of a table: blocks from its start to its end.

The rows of a table may be in the order of time, so the blocks span the whole table.
"""

from collections.abc import Iterator

import numpy as np

from mtl_cli.data.table import Array, StoredTable, Table, as_arrays, as_table

MAX_ROWS = 20_000
NUM_BLOCKS = 10


def block_bounds(rows: int) -> list[tuple[int, int]]:
    """Returns the first row of each block, and the one after its last row.

    The blocks hold at most `MAX_ROWS` rows together. The blocks of a table of at most
    `MAX_ROWS` rows hold all its rows.
    """
    num_blocks = min(NUM_BLOCKS, rows)
    starts = [int(block * rows / num_blocks) for block in range(num_blocks)]
    ends = [*starts[1:], rows]
    return [
        (start, min(end, start + MAX_ROWS // NUM_BLOCKS))
        for start, end in zip(starts, ends, strict=True)
    ]


def sample_blocks(table: Table | StoredTable) -> Iterator[Table]:
    """Yields the blocks of a table."""
    for start, stop in block_bounds(table.rows):
        yield table.read(start, stop)


def sample_of(table: Table | StoredTable) -> Table:
    """Returns the sampled rows of a table, in memory."""
    blocks = [as_arrays(block) for block in sample_blocks(table)]
    columns = {key: [block[key] for block in blocks] for key in blocks[0]}
    return as_table({key: np.concatenate(x) for key, x in columns.items()})


def sample_numbers(rows: int) -> Array:
    """Returns the numbers of the sampled rows of a table, ascending."""
    return np.concatenate([np.arange(*bounds) for bounds in block_bounds(rows)])
