"""Reads the rows of all tables in chunks, together with the split of each row."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from mtl_cli.data.sources import OnProgress, Source
from mtl_cli.data.split import SPLITS, Codes
from mtl_cli.data.table import Array


class Chunk(NamedTuple):
    """Some rows of a table.

    Attributes:
        table: the requested columns of the rows.
        codes: the position in `SPLITS` of each row's split, (rows,).
        first_row: the position of the chunk's first row in the table, from 0.
        located_errors: see `Source.located_errors`.
    """

    table_name: str
    table: pa.Table
    codes: Codes
    first_row: int
    located_errors: AbstractContextManager[None]

    def rows_by_split(self) -> Iterator[tuple[str, Array | slice]]:
        """Yields each split that occurs, and an index of the split's rows.

        If all rows belong to one split, the index is a slice: it copies no rows.
        """
        codes = np.unique(self.codes)
        for code in codes:
            yield SPLITS[code], slice(None) if len(codes) == 1 else self.codes == code


class SplitRows:
    """The rows of all tables, in chunks.

    `codes_by_table` is {table: the position in `SPLITS` of each row's split, (rows,)}.
    `on_rows` reports the progress: all rows are read twice, see `encode_sources`.
    """

    def __init__(
        self,
        sources: dict[str, Source],
        codes_by_table: dict[str, Codes],
        on_rows: OnProgress,
    ) -> None:
        self.sources = sources
        self.codes_by_table = codes_by_table
        self.on_rows = on_rows
        self.num_rows = sum(source.num_rows for source in sources.values())
        self.num_done = 0  # the rows read so far, in both readings together

    def chunks(self) -> Iterator[Chunk]:
        """Yields all rows, and reports the progress of the two readings."""
        for table_name, source in self.sources.items():
            first_row = 0
            for table in source.chunks():
                next_row = first_row + table.num_rows
                codes = self.codes_by_table[table_name][first_row:next_row]
                errors = source.located_errors(first_row)
                yield Chunk(table_name, table, codes, first_row, errors)
                first_row = next_row
                self.num_done += table.num_rows
                self.on_rows(self.num_done, 2 * self.num_rows)
