"""Opens Parquet files, and refuses a file that would fill the memory.

A Parquet file of a few kilobytes can say that one long text is in every row. If each
row got a copy of the text, the rows would take gigabytes. So a column with long texts
is read as a dictionary: the dictionary holds each text once, and a row holds its index.
The size of the rows is then known before any text is copied.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.parquet

from mtl_cli.core.other_files import UnsafeFileError
from mtl_cli.data.arrow_errors import is_not_implemented
from mtl_cli.data.columnar_file import ColumnarFile
from mtl_cli.data.parquet_pages import page_bytes
from mtl_cli.data.table_limits import (
    MAX_CELL_BYTES,
    check_rows,
    check_size,
    check_texts,
    longest_text_bytes,
)

ITEM_BYTES = 8  # of an item of a list: an int64, a float64, or the offset of a text
PROBE_BYTES = 1 << 16  # size of the reading buffer while long texts are looked for
# Encodings of texts that Arrow cannot read as a dictionary.
DELTA_ENCODINGS = {"DELTA_BYTE_ARRAY", "DELTA_LENGTH_BYTE_ARRAY"}


@contextmanager
def open_parquet(stream: pa.NativeFile) -> Iterator[ColumnarFile]:
    """Opens a Parquet file.

    A column with a dictionary of long texts is read as a dictionary. If the file has
    checksums, reading compares them.

    Raises:
        UnsafeFileError: if the file has too many rows for its size, or if its lists or
            texts expand too much.
    """
    file_bytes = stream.size()
    metadata = pyarrow.parquet.read_metadata(stream)
    check_rows(metadata.num_rows, file_bytes)
    check_cells(metadata, file_bytes)
    long_columns = long_text_columns(stream, metadata)
    check_texts_in_lists(metadata, long_columns, file_bytes)
    with parquet_file(stream, metadata, dictionaries=list(long_columns)) as file:

        def batches(columns: list[str], max_rows: int) -> Iterator[pa.RecordBatch]:
            check_pages(stream, metadata, columns)
            for batch in file.iter_batches(max_rows, columns=columns):
                for name, column in zip(batch.schema.names, batch.columns, strict=True):
                    if pa.types.is_dictionary(column.type):
                        check_texts(name, column, file_bytes)
                yield batch

        yield ColumnarFile(file.schema_arrow, metadata.num_rows, batches)


def parquet_file(
    stream: pa.NativeFile,
    metadata: pyarrow.parquet.FileMetaData,
    dictionaries: list[str],
    buffer_bytes: int = 0,
) -> pyarrow.parquet.ParquetFile:
    """Opens Arrow's reader of a file.

    Args:
        stream: the file.
        metadata: the file's own description of its columns.
        dictionaries: the paths of the columns to read as dictionaries.
        buffer_bytes: the size of the reading buffer; 0 for none.
    """
    return pyarrow.parquet.ParquetFile(
        stream,
        metadata=metadata,
        read_dictionary=dictionaries,
        page_checksum_verification=True,
        buffer_size=buffer_bytes,
        # Otherwise all bytes that were read stay in memory until the file is closed.
        pre_buffer=False,
        # Otherwise Arrow reads columns of JSON without a dictionary.
        arrow_extensions_enabled=False,
    )


def long_text_columns(
    stream: pa.NativeFile, metadata: pyarrow.parquet.FileMetaData
) -> dict[str, int]:
    """Finds the text columns that hold a long text in a dictionary.

    To read the first row of a row group, Arrow reads the whole dictionary of each of
    the group's columns. So the first row of each group is enough to find the long
    texts.

    Returns: {path of a column: length of its longest text in bytes}.

    Raises:
        UnsafeFileError: if a column is encoded in a way that is not read.
    """
    columns = text_columns(metadata.schema)
    longest: dict[str, int] = {}
    if not columns:
        return longest
    try:
        file = parquet_file(stream, metadata, list(columns), PROBE_BYTES)
        for i in range(metadata.num_row_groups):
            batches = file.iter_batches(1, row_groups=[i], columns=list(columns))
            for batch in islice(batches, 1):
                for path in columns:
                    num_bytes = longest_text_bytes(distinct_texts(batch, path))
                    if num_bytes > MAX_CELL_BYTES:
                        longest[path] = max(longest.get(path, 0), num_bytes)
    except OSError as error:
        # The descriptions of a damaged file's columns are not safe to read.
        if is_not_implemented(error):
            refuse_encoding(metadata, columns)
        raise
    return longest


def refuse_encoding(
    metadata: pyarrow.parquet.FileMetaData, columns: dict[str, int]
) -> None:
    """Refuses the first column of texts that Arrow cannot read as a dictionary.

    Args:
        metadata: the file's own description of its columns.
        columns: {path of a column: its index}.

    Raises:
        UnsafeFileError: if there is such a column.
    """
    for path, j in columns.items():
        for chunk in column_chunks(metadata, j):
            if deltas := DELTA_ENCODINGS.intersection(chunk.encodings):
                raise UnsafeFileError(
                    f"column '{path}' is encoded as {min(deltas)}, in which texts "
                    "cannot be bounded; write the file with dictionaries or plain "
                    "texts, as pandas does"
                )


def column_chunks(metadata: pyarrow.parquet.FileMetaData, j: int) -> Iterator[Any]:
    """Yields the description of the column with the index `j` in each row group."""
    for i in range(metadata.num_row_groups):
        yield metadata.row_group(i).column(j)


def distinct_texts(batch: pa.RecordBatch, path: str) -> pa.Array:
    """Returns the dictionary of a column of texts or of lists of texts."""
    column = batch.column(path.partition(".")[0])
    while pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
        column = column.values
    # A damaged file may hold plain texts where it promises a dictionary.
    return column.dictionary if pa.types.is_dictionary(column.type) else column


def text_columns(schema: pyarrow.parquet.ParquetSchema) -> dict[str, int]:
    """Returns {path: index} of the columns that hold texts, or lists of texts."""
    columns = [schema.column(i) for i in range(len(schema))]
    in_lists = {c.path.partition(".")[0] for c in columns if c.max_repetition_level}
    roots = [column.path.partition(".")[0] for column in columns]
    return {
        column.path: j
        for j, (column, root) in enumerate(zip(columns, roots, strict=True))
        if column.physical_type == "BYTE_ARRAY"
        and column.logical_type.type != "DECIMAL"
        # No feature reads the fields of structs.
        and (column.path == column.name or root in in_lists)
        and roots.count(root) == 1
    }


def check_cells(metadata: pyarrow.parquet.FileMetaData, file_bytes: int) -> None:
    """Refuses columns of lists, or of texts of a fixed length, that fill the memory.

    Args:
        metadata: the file's own description of its columns.
        file_bytes: the size of the file.

    Raises:
        UnsafeFileError: if a column is refused.
    """
    schema = metadata.schema
    # {index of such a column: bytes of an item of a list, or of a text}. Only these
    # columns are looked at: if the description of a column in a row group is damaged,
    # Arrow ends the process when the description is read.
    item_bytes = {}
    for j in range(metadata.num_columns):
        column = schema.column(j)
        if column.physical_type == "FIXED_LEN_BYTE_ARRAY":
            item_bytes[j] = max(ITEM_BYTES, column.length)
        elif column.max_repetition_level:
            item_bytes[j] = ITEM_BYTES
    for i in range(metadata.num_row_groups):
        group = metadata.row_group(i)
        for j, num_bytes in item_bytes.items():
            chunk = group.column(j)
            name = f"column '{chunk.path_in_schema}'"
            check_size(name, num_bytes * chunk.num_values, group.num_rows, file_bytes)


def check_texts_in_lists(
    metadata: pyarrow.parquet.FileMetaData, longest: dict[str, int], file_bytes: int
) -> None:
    """Refuses lists of texts if they may fill the memory.

    Args:
        metadata: the file's own description of its columns.
        longest: {path of a column: length of its longest text in bytes}.
        file_bytes: the size of the file.

    Raises:
        UnsafeFileError: if the lists are refused.
    """
    for path, j in text_columns(metadata.schema).items():
        if path in longest and metadata.schema.column(j).max_repetition_level:
            for chunk in column_chunks(metadata, j):
                num_items = chunk.num_values
                expanded_bytes = longest[path] * num_items
                check_size(f"column '{path}'", expanded_bytes, num_items, file_bytes)


def check_pages(
    stream: pa.NativeFile, metadata: pyarrow.parquet.FileMetaData, columns: list[str]
) -> None:
    """Refuses columns of texts if their pages expand when they are decompressed.

    Args:
        stream: the file.
        metadata: the file's own description of its columns.
        columns: the names of the columns that are read.

    Raises:
        UnsafeFileError: if a column is refused, or a header of a page is damaged.
    """
    for path, j in text_columns(metadata.schema).items():
        if path.partition(".")[0] in columns:
            for chunk in column_chunks(metadata, j):
                num_bytes, num_cells = page_bytes(stream, chunk), chunk.num_values
                check_size(f"column '{path}'", num_bytes, num_cells, stream.size())
