"""Opens Parquet files, and refuses a file that would fill the memory.

A Parquet file of a few kilobytes can say that one long text is in every row. If each
row got a copy of the text, the rows would take gigabytes. So a leaf with long texts is
read as a dictionary: the dictionary holds each text once, and a row holds its index.
The size of the rows is then known before any text is copied.

A leaf is a part of a column that the file stores. A column of single values or of
lists is one leaf; a column of structs has a leaf for each field. The path of a leaf is
the name of its column or, if the column is nested, longer: a column `tags` of lists has
the leaf `tags.list.element`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet

from mtl_cli.columns.arrow_types import is_list
from mtl_cli.data.columnar_file import ColumnarFile
from mtl_cli.data.parquet_pages import check_lists_and_fixed_lengths, check_text_leaf
from mtl_cli.data.table_limits import (
    MAX_CELL_BYTES,
    check_rows,
    check_texts,
    longest_text_bytes,
)

# While long texts are looked for: the size of the reading buffer, and the rows of a
# batch after the first row.
PROBE_BYTES, PROBE_ROWS = 1 << 16, 1000


class TextLeaf(NamedTuple):
    """A leaf of texts, and its index among all leaves of the file or of its column."""

    column: str
    index_in_file: int
    index_in_column: int


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
        for leaf in texts.values():
            check_text_leaf(stream, metadata, leaf.index_in_file)
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
    schema = file.schema_arrow  # each access reads the types of all columns anew
    if any(has_nested_dictionary(schema.field(name).type) for name in columns):
        groups = [[i] for i in range(file.num_row_groups)]
    for row_groups in groups:
        yield from file.iter_batches(max_rows, row_groups=row_groups, columns=columns)


def longest_texts(
    stream: pa.NativeFile,
    metadata: pyarrow.parquet.FileMetaData,
    texts: dict[str, TextLeaf],
) -> dict[str, int]:
    """Returns {path of a leaf: bytes of the longest text in its dictionaries}.

    To read the first text of a row group, Arrow reads the whole dictionary of the
    column. So the first row of each group is enough, unless it is an empty list.
    """
    longest = dict.fromkeys(texts, 0)
    file = parquet_file(stream, metadata, list(texts), PROBE_BYTES)

    def batches(
        group: int, max_rows: int, leaves: dict[str, TextLeaf]
    ) -> Iterator[pa.RecordBatch]:
        columns = list(dict.fromkeys(leaf.column for leaf in leaves.values()))
        yield from file.iter_batches(max_rows, row_groups=[group], columns=columns)

    for i in range(metadata.num_row_groups if texts else 0):
        unseen = add_longest(longest, islice(batches(i, 1, texts), 1), texts)
        if unseen:
            add_longest(longest, batches(i, PROBE_ROWS, unseen), unseen)
    return longest


def add_longest(
    longest: dict[str, int],
    batches: Iterator[pa.RecordBatch],
    texts: dict[str, TextLeaf],
) -> dict[str, TextLeaf]:
    """Adds the texts of some leaves in one row group to the result of `longest_texts`.

    Reads batches until each leaf has had a value.

    Returns: the leaves of lists that are empty in all batches.
    """
    unseen = dict(texts)
    for batch in batches:
        for path, leaf in list(unseen.items()):
            column = batch.column(leaf.column)
            values = leaf_arrays(column)[leaf.index_in_column]
            # A damaged file may hold plain texts in place of a dictionary.
            if pa.types.is_dictionary(values.type):
                values = values.dictionary
            longest[path] = max(longest[path], longest_text_bytes(values))
            if len(values) or not pa.types.is_nested(column.type):
                del unseen[path]
        if not unseen:
            break
    return unseen


def text_leaves(
    schema: pyarrow.parquet.ParquetSchema, arrow_schema: pa.Schema, columns: list[str]
) -> dict[str, TextLeaf]:
    """Returns {path: leaf} for the leaves of texts in the requested columns."""
    requested = set(columns)
    texts = {}
    first_index = 0  # of the column's leaves in the file
    # The column of a leaf is found by counting leaves. The path of the leaf does not
    # tell where the name of the column ends, because the name may hold dots too.
    for field in arrow_schema:
        num_column_leaves = num_leaves(field.type)
        for i in range(num_column_leaves if field.name in requested else 0):
            leaf = schema.column(first_index + i)
            is_bytes = leaf.physical_type == "BYTE_ARRAY"
            if is_bytes and leaf.logical_type.type != "DECIMAL":
                texts[leaf.path] = TextLeaf(field.name, first_index + i, i)
        first_index += num_column_leaves
    return texts


def num_leaves(dtype: pa.DataType) -> int:
    if isinstance(dtype, pa.BaseExtensionType):
        return num_leaves(dtype.storage_type)
    return sum(map(num_leaves, part_types(dtype))) or 1


def has_nested_dictionary(dtype: pa.DataType) -> bool:
    """Whether a part of a column, such as the values of its lists, is a dictionary."""
    if isinstance(dtype, pa.BaseExtensionType):
        return has_nested_dictionary(dtype.storage_type)
    return any(
        pa.types.is_dictionary(part) or has_nested_dictionary(part)
        for part in part_types(dtype)
    )


def part_types(dtype: pa.DataType) -> list[pa.DataType]:
    return [dtype.field(i).type for i in range(dtype.num_fields)]


def leaf_arrays(column: pa.Array) -> list[pa.Array]:
    """Returns the values of each leaf of a column, in the order of the file."""
    dtype = column.type
    if isinstance(dtype, pa.BaseExtensionType):
        return leaf_arrays(column.storage)
    if pa.types.is_map(dtype):
        return [*leaf_arrays(column.keys), *leaf_arrays(column.items)]
    if pa.types.is_struct(dtype):
        fields = [column.field(i) for i in range(dtype.num_fields)]
        return [leaf for field in fields for leaf in leaf_arrays(field)]
    return leaf_arrays(column.values) if is_list(dtype) else [column]
