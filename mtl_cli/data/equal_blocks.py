"""Cuts the rows of tables into blocks of equal size."""

from collections.abc import Iterable, Iterator

import pyarrow as pa


def equal_blocks(tables: Iterable[pa.Table], num_rows: int) -> Iterator[pa.Table]:
    """Yields the rows of all tables in blocks of `num_rows`; the last may have fewer.

    A block may hold rows of two tables.
    """
    left_over: list[pa.Table] = []
    for table in tables:
        rows = pa.concat_tables([*left_over, table])
        end = rows.num_rows - rows.num_rows % num_rows
        for start in range(0, end, num_rows):
            yield rows.slice(start, num_rows).combine_chunks()
        left_over = [rows.slice(end)]
    if left_over and left_over[0].num_rows:
        yield left_over[0].combine_chunks()
