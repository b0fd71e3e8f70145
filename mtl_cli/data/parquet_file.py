"""Opens Parquet files, and refuses a file that would fill the memory.

A Parquet file of a few kilobytes can say that one long text is in every row. If each
row got a copy of the text, the rows would take gigabytes. So a leaf with long texts is
read as a dictionary: the dictionary holds each text once, and a row holds its index.
The size of the rows is then known before any text is copied.

A leaf is a column or, if the column is nested, a part of it; see `parquet_leaves`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.parquet

from mtl_cli.core.other_files import UnsafeFileError
from mtl_cli.data.columnar_file import ColumnarFile
from mtl_cli.data.parquet_leaves import (
    TextLeaf,
    has_nested_dictionary,
    leaf_arrays,
    text_leaves,
)
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


@contextmanager
def open_parquet(stream: pa.NativeFile) -> Iterator[ColumnarFile]:
    """Opens a Parquet file; refuses rows, lists or texts that would fill the memory.

    A leaf of long texts is read as a dictionary. If the file has checksums, each page
    that is read is compared with its checksum.
    """
    file_bytes = stream.size()
    metadata = pyarrow.parquet.read_metadata(stream)
    check_rows(metadata.num_rows, file_bytes)
    check_lists_and_fixed_lengths(metadata, file_bytes)
    schema = parquet_file(stream, metadata).schema_arrow

    def batches(columns: list[str], max_rows: int) -> Iterator[pa.RecordBatch]:
        texts = text_leaves(metadata.schema, schema, columns)
        longest = longest_texts(stream, metadata, texts)
        check_text_leaves(stream, metadata, texts)
        dictionaries = [p for p, length in longest.items() if length > MAX_CELL_BYTES]
        file = parquet_file(stream, metadata, dictionaries)
        for batch in read_batches(file, columns, max_rows):
            for name, column in zip(batch.schema.names, batch.columns, strict=True):
                for leaf in leaf_arrays(column):
                    if pa.types.is_dictionary(leaf.type):
                        check_texts(name, leaf, file_bytes)
            yield batch

    yield ColumnarFile(schema, metadata.num_rows, batches)


def parquet_file(
    stream: pa.NativeFile,
    metadata: pyarrow.parquet.FileMetaData,
    dictionaries: list[str] | None = None,
    buffer_bytes: int = 0,
) -> pyarrow.parquet.ParquetFile:
    """`dictionaries` are the paths of the leaves to read as dictionaries."""
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


def read_batches(
    file: pyarrow.parquet.ParquetFile, columns: list[str], max_rows: int
) -> Iterator[pa.RecordBatch]:
    """Yields the rows of a file in batches of at most `max_rows` rows.

    Each row group has its own dictionaries. Arrow cannot put nested columns with
    dictionaries of several groups into one batch, so these groups are read one by one.
    """
    groups: list[list[int] | None] = [None]  # all row groups at once
    if any(has_nested_dictionary(file.schema_arrow.field(c).type) for c in columns):
        groups = [[i] for i in range(file.num_row_groups)]
    for row_groups in groups:
        yield from file.iter_batches(max_rows, row_groups=row_groups, columns=columns)


def longest_texts(
    stream: pa.NativeFile,
    metadata: pyarrow.parquet.FileMetaData,
    texts: dict[str, TextLeaf],
) -> dict[str, int]:
    """Returns {path of a leaf: bytes of the longest text in its dictionaries}.

    To read the first row of a row group, Arrow reads the whole dictionary of each of
    the group's columns. So the first row of each group is enough.
    """
    longest = dict.fromkeys(texts, 0)
    if not texts:
        return longest
    file = parquet_file(stream, metadata, list(texts), PROBE_BYTES)
    columns = list(dict.fromkeys(leaf.column for leaf in texts.values()))
    for i in range(metadata.num_row_groups):
        batches = file.iter_batches(1, row_groups=[i], columns=columns)
        for batch in islice(batches, 1):
            for path, leaf in texts.items():
                leaves = leaf_arrays(batch.column(leaf.column))
                values = leaves[leaf.index_in_column]
                # A damaged file may hold plain texts in place of a dictionary.
                if pa.types.is_dictionary(values.type):
                    values = values.dictionary
                longest[path] = max(longest[path], longest_text_bytes(values))
    return longest


def column_chunks(
    metadata: pyarrow.parquet.FileMetaData, leaf_index: int
) -> Iterator[Any]:
    for i in range(metadata.num_row_groups):
        yield metadata.row_group(i).column(leaf_index)


def check_lists_and_fixed_lengths(
    metadata: pyarrow.parquet.FileMetaData, file_bytes: int
) -> None:
    """Refuses columns of lists, or of texts of a fixed length, that fill the memory."""
    schema = metadata.schema
    # If a description of a leaf is damaged, Arrow ends the process when it is read. So
    # only the descriptions that are needed are read.
    for leaf_index in range(metadata.num_columns):
        column = schema.column(leaf_index)
        has_fixed_length = column.physical_type == "FIXED_LEN_BYTE_ARRAY"
        if not has_fixed_length and not column.max_repetition_level:
            continue
        num_bytes = max(ITEM_BYTES, column.length) if has_fixed_length else ITEM_BYTES
        for i, chunk in enumerate(column_chunks(metadata, leaf_index)):
            expanded_bytes = num_bytes * chunk.num_values
            num_rows = metadata.row_group(i).num_rows
            check_size(f"column '{column.path}'", expanded_bytes, num_rows, file_bytes)


def check_text_leaves(
    stream: pa.NativeFile,
    metadata: pyarrow.parquet.FileMetaData,
    texts: dict[str, TextLeaf],
) -> None:
    """Refuses leaves of texts whose decompressed pages would fill the memory."""
    for path, leaf in texts.items():
        chunks = list(column_chunks(metadata, leaf.index_in_file))
        described_bytes = sum(chunk.total_compressed_size for chunk in chunks)
        if described_bytes > stream.size():
            # Many row groups name the same pages. Reading them all would take hours.
            raise UnsafeFileError(
                f"has {stream.size():,} bytes, but its description gives the column "
                f"'{path}' {described_bytes:,} bytes; write the file again"
            )
        for chunk in chunks:
            num_bytes = page_bytes(stream, chunk)
            check_size(f"column '{path}'", num_bytes, chunk.num_values, stream.size())
