"""Opens Parquet files, and refuses those that would fill the memory.

A Parquet file of a few kilobytes can say that one long text stands in every row. Long
texts are therefore read as dictionaries: a dictionary holds each text once. The size of
the rows is worked out before the texts are copied into the rows.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from mtl_cli.core.other_files import MAX_RATIO, UnsafeFileError

# A batch of rows is refused if it breaks all three limits: honest files that compress
# well have short cells, and honest files with long cells are large.
MAX_EXPANDED_BYTES = 1 << 28
MAX_CELL_BYTES = 256  # on average
ITEM_BYTES = 8  # of an item of a list: an int64, a float64, or the start of a text
# A table of more rows is refused if it has more than `MAX_ROWS_PER_BYTE` of the file:
# its rows hardly differ, and each takes memory or room on the disk.
MANY_ROWS = 10_000_000
MAX_ROWS_PER_BYTE = 10
PROBE_BYTES = 1 << 16  # read at a time to find the dictionaries


class ColumnarFile(NamedTuple):
    """An open file that stores its rows column by column.

    Attributes:
        schema: the names and types of all columns.
        rows: the number of rows.
        batches: takes names of columns and a number of rows; yields batches with at
            least these columns and at most this number of rows.
    """

    schema: pa.Schema
    rows: int
    batches: Callable[[list[str], int], Iterator[pa.RecordBatch]]


@contextmanager
def open_parquet(stream: pa.NativeFile) -> Iterator[ColumnarFile]:
    """Opens a Parquet file; reading checks the checksums of pages that have one.

    Columns with long texts that repeat are dictionaries.

    Raises:
        UnsafeFileError: if lists of the file, or texts of a batch, expand too much.
    """
    size = stream.size()
    metadata = pyarrow.parquet.read_metadata(stream)
    check_rows(metadata.num_rows, size)
    check_lists(metadata, size)
    # With pre_buffer, Arrow would keep what it has read until the file is closed.
    with pyarrow.parquet.ParquetFile(
        stream,
        metadata=metadata,
        read_dictionary=long_text_columns(stream, metadata),
        page_checksum_verification=True,
        pre_buffer=False,
    ) as file:

        def batches(columns: list[str], max_rows: int) -> Iterator[pa.RecordBatch]:
            for batch in file.iter_batches(max_rows, columns=columns):
                for name, column in zip(batch.schema.names, batch.columns, strict=True):
                    if pa.types.is_dictionary(column.type):
                        check_texts(name, column, size)
                yield batch

        yield ColumnarFile(file.schema_arrow, metadata.num_rows, batches)


def long_text_columns(
    stream: pa.NativeFile, metadata: pyarrow.parquet.FileMetaData
) -> list[str]:
    """Returns the names of columns with a dictionary that holds a long text.

    The first row of each row group brings the group's dictionaries along.
    """
    texts = text_columns(metadata.schema)
    if not texts:
        return []
    long_columns: dict[str, None] = {}
    file = pyarrow.parquet.ParquetFile(
        stream,
        metadata=metadata,
        read_dictionary=texts,
        page_checksum_verification=True,
        buffer_size=PROBE_BYTES,
        pre_buffer=False,
    )
    for i in range(metadata.num_row_groups):
        for batch in islice(file.iter_batches(1, row_groups=[i], columns=texts), 1):
            for name, column in zip(batch.schema.names, batch.columns, strict=True):
                # A damaged file may promise a dictionary and hold plain texts.
                is_dictionary = pa.types.is_dictionary(column.type)
                values = column.dictionary if is_dictionary else column
                if longest(values) > MAX_CELL_BYTES:
                    long_columns[name] = None
    return list(long_columns)


def text_columns(schema: pyarrow.parquet.ParquetSchema) -> list[str]:
    """Returns the names of the columns that hold one text per row."""
    columns = [schema.column(i) for i in range(len(schema))]
    return [
        column.path
        for column in columns
        if column.physical_type == "BYTE_ARRAY"
        and column.logical_type.type in ("STRING", "NONE")
        and column.max_repetition_level == 0
        and column.path == column.name  # not a field of a struct
    ]


def check_texts(name: str, column: pa.DictionaryArray, size: int) -> None:
    """Refuses texts that would fill the memory if each row had its own copy.

    Args:
        name: the column's name.
        column: the texts of some rows.
        size: the bytes of the file.
    """
    if longest(column.dictionary) > MAX_CELL_BYTES:
        lengths = pc.binary_length(column.dictionary).cast(pa.int64())
        expanded = pc.sum(lengths.take(column.indices)).as_py()
        check_size(f"column '{name}'", expanded or 0, len(column), size)


def longest(values: pa.Array) -> int:
    """Returns the bytes of the longest text; 0 if the values are no texts."""
    if not (pa.types.is_string(values.type) or pa.types.is_binary(values.type)):
        return 0
    return int(pc.max(pc.binary_length(values)).as_py() or 0)


def check_lists(metadata: pyarrow.parquet.FileMetaData, size: int) -> None:
    """Refuses lists if their items would fill the memory.

    Args:
        metadata: the file's own description of its columns.
        size: the bytes of the file.
    """
    schema = metadata.schema
    columns = range(metadata.num_columns)
    # Arrow ends the process if it meets damage in the description of a column, so only
    # the columns of lists are asked.
    lists = [j for j in columns if schema.column(j).max_repetition_level]
    for i in range(metadata.num_row_groups):
        group = metadata.row_group(i)
        for j in lists:
            column = group.column(j)
            name = f"column '{column.path_in_schema}'"
            expanded = ITEM_BYTES * column.num_values
            check_size(name, expanded, group.num_rows, size)


def check_rows(rows: int, size: int) -> None:
    """Raises an `UnsafeFileError` if a file has too many rows for its size.

    Args:
        rows: the number of rows.
        size: the bytes of the file.
    """
    if rows > max(MANY_ROWS, MAX_ROWS_PER_BYTE * size):
        raise UnsafeFileError(
            f"has {size:,} bytes, but {rows:,} rows or more; at most "
            f"{MAX_ROWS_PER_BYTE} rows for each byte are read: write fewer rows"
        )


def check_size(part: str, expanded: int, cells: int, size: int) -> None:
    """Raises an `UnsafeFileError` if a part of a file breaks all three limits.

    Args:
        part: what expands, for the message.
        expanded: the bytes of all cells.
        cells: the number of cells.
        size: the bytes of the file.
    """
    limits = MAX_EXPANDED_BYTES, MAX_RATIO * size, MAX_CELL_BYTES * cells
    if expanded > max(limits):
        raise UnsafeFileError(
            f"has {size:,} bytes, but {part} expands to {expanded:,} bytes in "
            f"{cells:,} cells; at most {max(limits):,} are read: leave long columns out"
        )
