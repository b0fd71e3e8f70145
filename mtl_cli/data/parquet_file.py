"""Opens Parquet files, and refuses a file that would fill the memory.

A Parquet file of a few kilobytes can say that one long text is in every row. If each
row got a copy of the text, the rows would take gigabytes. So a column with long texts
is read as a dictionary: the dictionary holds each text once, and a row holds an index
of it. From the lengths of the texts and the indices, the size of the rows is computed
before any text is copied.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet

from mtl_cli.data.table_limits import (
    MAX_CELL_BYTES,
    check_rows,
    check_size,
    check_texts,
    longest_text_bytes,
)

ITEM_BYTES = 8  # of an item of a list: an int64, a float64, or the start of a text
PROBE_BYTES = 1 << 16  # size of the reading buffer while dictionaries are looked for


class ColumnarFile(NamedTuple):
    """An open file that stores its rows column by column.

    Attributes:
        schema: the names and types of all columns.
        num_rows: the number of rows.
        batches: a function that takes column names and a largest number of rows, and
            yields the rows in batches of at most this number. A batch has at least
            these columns.
    """

    schema: pa.Schema
    num_rows: int
    batches: Callable[[list[str], int], Iterator[pa.RecordBatch]]


@contextmanager
def open_parquet(stream: pa.NativeFile) -> Iterator[ColumnarFile]:
    """Opens a Parquet file.

    A column with a dictionary of long texts is read as a dictionary. If the file has
    checksums, reading compares them.

    Raises:
        UnsafeFileError: if lists of the file, or texts of a batch, expand too much.
    """
    file_bytes = stream.size()
    metadata = pyarrow.parquet.read_metadata(stream)
    check_rows(metadata.num_rows, file_bytes)
    check_lists(metadata, file_bytes)
    # With pre_buffer, Arrow would keep all bytes that it has read in memory until the
    # file is closed.
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
                        check_texts(name, column, file_bytes)
                yield batch

        yield ColumnarFile(file.schema_arrow, metadata.num_rows, batches)


def long_text_columns(
    stream: pa.NativeFile, metadata: pyarrow.parquet.FileMetaData
) -> list[str]:
    """Returns the names of the text columns that hold a long text.

    To read the first row of a row group, Arrow reads the whole dictionary of each of
    the group's columns. So the first row of each group is enough to find the long
    texts.
    """
    names = text_columns(metadata.schema)
    if not names:
        return []
    long_columns: dict[str, None] = {}  # a set in order
    file = pyarrow.parquet.ParquetFile(
        stream,
        metadata=metadata,
        read_dictionary=names,
        page_checksum_verification=True,
        buffer_size=PROBE_BYTES,
        pre_buffer=False,
    )
    for i in range(metadata.num_row_groups):
        for batch in islice(file.iter_batches(1, row_groups=[i], columns=names), 1):
            for name, column in zip(batch.schema.names, batch.columns, strict=True):
                # A damaged file may hold plain texts where it promises a dictionary.
                is_dictionary = pa.types.is_dictionary(column.type)
                values = column.dictionary if is_dictionary else column
                if longest_text_bytes(values) > MAX_CELL_BYTES:
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


def check_lists(metadata: pyarrow.parquet.FileMetaData, file_bytes: int) -> None:
    """Refuses lists if their items would fill the memory.

    Args:
        metadata: the file's own description of its columns.
        file_bytes: the size of the file.

    Raises:
        UnsafeFileError: if the lists are refused.
    """
    schema = metadata.schema
    columns = range(metadata.num_columns)
    # If the description of a column is damaged, Arrow ends the process when the
    # description is read. So only the descriptions of list columns are read.
    list_columns = [j for j in columns if schema.column(j).max_repetition_level]
    for i in range(metadata.num_row_groups):
        group = metadata.row_group(i)
        for j in list_columns:
            column = group.column(j)
            name = f"column '{column.path_in_schema}'"
            expanded_bytes = ITEM_BYTES * column.num_values
            check_size(name, expanded_bytes, group.num_rows, file_bytes)
