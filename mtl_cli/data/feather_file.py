"""Opens Feather (Arrow) files, and refuses a file that would fill the memory.

A Feather file of a few kilobytes can expand to gigabytes: it can hold compressed zeros,
or refer to one long text in every row. Arrow expands a whole batch of rows at once. So
this module first reads how large each batch will be. A file describes its batches in
the format Flatbuffers. Arrow does not offer the sizes, so this module reads the
descriptions itself.

A Flatbuffers table is a list of fields. The table starts with the distance back to its
vtable, and the vtable holds the offset of each field from the table's start. A field
holds a number, or the distance to another table or list.
"""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from mtl_cli.data.columnar_file import ColumnarFile
from mtl_cli.data.table_limits import (
    MAX_CELL_BYTES,
    check_rows,
    check_size,
    check_texts,
)

# The index of each field in its Flatbuffers table, see Arrow's `File.fbs` and
# `Message.fbs`.
FOOTER_DICTIONARIES, FOOTER_BATCHES = 2, 3
MESSAGE_HEADER = 2
DICTIONARY_DATA = 1
BATCH_ROWS, BATCH_NODES, BATCH_BUFFERS, BATCH_COMPRESSION = 0, 1, 2, 3
# The layouts of Arrow's structs, as formats of Python's `struct`.
BLOCK = "<qi4xq"  # a batch: offset in the file, bytes of its description and its body
NODE = "<qq"  # a column of a batch: number of rows, number of nulls
BUFFER = "<qq"  # a part of a column: offset in the body, number of bytes
FOOTER_END = 10  # bytes after the footer: its length (4), and the word ARROW1 (6)
LENGTH_BYTES = 8  # a compressed buffer starts with its length after decompression


class FlatTable(NamedTuple):
    """A Flatbuffers table. All positions are indices of bytes in `data`.

    Attributes:
        data: the bytes that hold the table.
        start: the position of the table.
    """

    data: bytes
    start: int

    def number(self, struct_format: str, position: int) -> int:
        """Returns the number at a position. Its layout is a format of `struct`."""
        return int(struct.unpack_from(struct_format, self.data, position)[0])

    def position(self, field: int) -> int | None:
        """Returns the position of a field; None if the table lacks the field."""
        vtable = self.start - self.number("<i", self.start)
        # The vtable starts with two lengths of two bytes; the first is its own.
        entry = 4 + 2 * field
        if entry >= self.number("<H", vtable):
            return None
        offset = self.number("<H", vtable + entry)
        return self.start + offset if offset else None

    def target(self, field: int) -> int | None:
        """Returns the position to which a field refers; None if there is no field."""
        position = self.position(field)
        return None if position is None else position + self.number("<I", position)

    def table(self, field: int) -> "FlatTable":
        """Returns the table to which a field refers."""
        target = self.target(field)
        if target is None:
            raise pa.ArrowInvalid("the description of a batch is incomplete")
        return FlatTable(self.data, target)

    def structs(self, field: int, struct_format: str) -> list[tuple[Any, ...]]:
        """Returns the structs in the list to which a field refers.

        Args:
            field: the index of the field.
            struct_format: the layout of each struct, such as `BLOCK`.

        Returns: a tuple of values for each struct.
        """
        target = self.target(field)
        if target is None:
            return []
        # A list starts with the number of its structs, in four bytes.
        start = target + 4
        end = start + self.number("<I", target) * struct.calcsize(struct_format)
        if end > len(self.data):
            raise pa.ArrowInvalid("the description of a batch is cut short")
        return list(struct.iter_unpack(struct_format, self.data[start:end]))


class BatchSize(NamedTuple):
    """The size of a batch, as its description gives it.

    Attributes:
        num_rows: the number of rows; in a batch of dictionaries, the number of values.
        num_columns: the number of columns, including the parts of nested columns.
        expanded_bytes: the bytes of all columns after decompression.
    """

    num_rows: int
    num_columns: int
    expanded_bytes: int


@contextmanager
def open_feather(stream: pa.NativeFile) -> Iterator[ColumnarFile]:
    """Opens a Feather (Arrow) file.

    Raises:
        UnsafeFileError: if a batch of the file expands too much.
    """
    file_bytes = stream.size()
    with pa.ipc.open_file(stream) as file:
        num_rows = check_batches(stream, file_bytes)

        # A batch of a Feather file can only be read with all its columns.
        def batches(_columns: list[str], max_rows: int) -> Iterator[pa.RecordBatch]:
            for batch in map(file.get_batch, range(file.num_record_batches)):
                for name, column in zip(batch.schema.names, batch.columns, strict=True):
                    check_column(name, column, file_bytes)
                for start in range(0, batch.num_rows, max_rows):
                    yield batch.slice(start, max_rows)

        yield ColumnarFile(file.schema, num_rows, batches)


def check_batches(stream: pa.NativeFile, file_bytes: int) -> int:
    """Refuses a file whose batches expand too much; returns its number of rows.

    Args:
        stream: a file that Arrow has opened.
        file_bytes: the size of the file.

    Raises:
        UnsafeFileError: if the file is refused.
        pa.ArrowInvalid: if the description of a batch is damaged.
    """
    try:
        footer = read_footer(stream, file_bytes)
        for block in footer.structs(FOOTER_DICTIONARIES, BLOCK):
            dictionary = read_description(stream, block).table(DICTIONARY_DATA)
            check_batch(batch_size(stream, block, dictionary), file_bytes)
        sizes = [
            batch_size(stream, block, read_description(stream, block))
            for block in footer.structs(FOOTER_BATCHES, BLOCK)
        ]
    except struct.error as error:
        raise pa.ArrowInvalid(f"a batch is damaged: {error}") from None
    for batch in sizes:
        check_batch(batch, file_bytes)
    num_rows = sum(batch.num_rows for batch in sizes)
    check_rows(num_rows, file_bytes)
    return num_rows


def check_batch(batch: BatchSize, file_bytes: int) -> None:
    """Raises an `UnsafeFileError` if a batch expands too much."""
    num_cells = batch.num_rows * batch.num_columns
    check_size("a batch", batch.expanded_bytes, num_cells, file_bytes)


def read_footer(stream: pa.NativeFile, file_bytes: int) -> FlatTable:
    """Reads the table at the end of a file. The table lists the file's batches."""
    end = file_bytes - FOOTER_END
    (length,) = struct.unpack("<i", stream.read_at(4, end))
    data = stream.read_at(length, end - length)
    # The data start with the position of the table.
    return FlatTable(data, FlatTable(data, 0).number("<I", 0))


def read_description(stream: pa.NativeFile, block: tuple[Any, ...]) -> FlatTable:
    """Reads the description of a batch of rows or of a dictionary.

    Args:
        stream: the file.
        block: the values of a `BLOCK`.
    """
    offset, length, _ = block
    data = stream.read_at(length, offset)
    # The data start with the length of the description, in 4 bytes. In newer files, a
    # mark of 4 bytes comes before the length. The distance to the table comes next.
    start = 8 if data[:4] == b"\xff\xff\xff\xff" else 4
    message = FlatTable(data, start + FlatTable(data, 0).number("<I", start))
    return message.table(MESSAGE_HEADER)


def batch_size(
    stream: pa.NativeFile, block: tuple[Any, ...], description: FlatTable
) -> BatchSize:
    """Returns the size of a batch, without expanding the batch.

    Args:
        stream: the file.
        block: the values of the batch's `BLOCK`.
        description: the description of the batch.
    """
    offset, description_bytes, _ = block
    position = description.position(BATCH_ROWS)
    num_rows = 0 if position is None else description.number("<q", position)
    is_compressed = description.position(BATCH_COMPRESSION) is not None
    expanded_bytes = 0
    for start, stored_bytes in description.structs(BATCH_BUFFERS, BUFFER):
        buffer_bytes = stored_bytes
        if is_compressed and stored_bytes > LENGTH_BYTES:
            length = stream.read_at(LENGTH_BYTES, offset + description_bytes + start)
            # The length is -1 for a buffer that is stored as it is.
            buffer_bytes = max(struct.unpack("<q", length)[0], stored_bytes)
        expanded_bytes += buffer_bytes
    num_columns = len(description.structs(BATCH_NODES, NODE))
    return BatchSize(num_rows, num_columns, expanded_bytes)


def check_column(name: str, column: pa.Array, file_bytes: int) -> None:
    """Refuses a column if its rows refer to the same long texts too often.

    Args:
        name: the column's name.
        column: the cells of some rows.
        file_bytes: the size of the file.

    Raises:
        UnsafeFileError: if the column is refused.
    """
    if pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
        check_column(name, column.flatten(), file_bytes)
    elif pa.types.is_dictionary(column.type):
        check_texts(name, column, file_bytes)
    elif pa.types.is_string_view(column.type) or pa.types.is_binary_view(column.type):
        # A view of a text is four numbers of four bytes; the first is its length.
        views = np.frombuffer(column.buffers()[1], "<i4").reshape(-1, 4)
        lengths = views[column.offset : column.offset + len(column), 0]
        if lengths.size and lengths.max() > MAX_CELL_BYTES:
            num_bytes = int(lengths.sum())
            check_size(f"column '{name}'", num_bytes, len(column), file_bytes)
