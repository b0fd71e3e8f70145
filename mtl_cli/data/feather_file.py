"""Opens Feather (Arrow) files, and refuses those that would fill the memory.

A Feather file of a few kilobytes can hold compressed zeros that expand to gigabytes, or
name one long text in every row. Arrow expands a whole batch of rows at once, so the
sizes are read first, from the file's own descriptions in the format of Flatbuffers.
"""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from mtl_cli.data.parquet_file import (
    MAX_CELL_BYTES,
    ColumnarFile,
    check_rows,
    check_size,
    check_texts,
)

# The fields of Arrow's tables by their numbers, see Arrow's `File.fbs`, `Message.fbs`.
FOOTER_DICTIONARIES, FOOTER_BATCHES = 2, 3
MESSAGE_HEADER = 2
DICTIONARY_DATA = 1
BATCH_ROWS, BATCH_NODES, BATCH_BUFFERS, BATCH_COMPRESSION = 0, 1, 2, 3
BLOCK = "<qi4xq"  # offset, bytes of the description, bytes of the body
NODE = "<qq"  # rows, nulls
BUFFER = "<qq"  # offset in the body, bytes
FOOTER_END = 10  # the bytes of the footer's length and of the word ARROW1
LENGTH_BYTES = 8  # a compressed buffer starts with its length when expanded


class FlatTable(NamedTuple):
    """A table in Flatbuffers.

    Attributes:
        data: the bytes that hold the table.
        start: the place of the table in them.
    """

    data: bytes
    start: int

    def number(self, kind: str, place: int) -> int:
        """Returns the number of a type of `struct` at a place."""
        return int(struct.unpack_from(kind, self.data, place)[0])

    def place(self, field: int) -> int | None:
        """Returns the place of a field, None if the field is left out."""
        vtable = self.start - self.number("<i", self.start)
        entry = 4 + 2 * field
        if entry >= self.number("<H", vtable):
            return None
        offset = self.number("<H", vtable + entry)
        return self.start + offset if offset else None

    def target(self, field: int) -> int | None:
        """Returns the place that a field leads to, None if the field is left out."""
        place = self.place(field)
        return None if place is None else place + self.number("<I", place)

    def table(self, field: int) -> "FlatTable":
        """Returns the table that a field leads to."""
        target = self.target(field)
        if target is None:
            raise pa.ArrowInvalid("the description of a batch is incomplete")
        return FlatTable(self.data, target)

    def structs(self, field: int, kind: str) -> list[tuple[Any, ...]]:
        """Returns the values of a list of structs of a type of `struct`."""
        target = self.target(field)
        if target is None:
            return []
        end = target + 4 + self.number("<I", target) * struct.calcsize(kind)
        if end > len(self.data):
            raise pa.ArrowInvalid("the description of a batch is cut short")
        return list(struct.iter_unpack(kind, self.data[target + 4 : end]))


class BatchSize(NamedTuple):
    """The size of a batch, as the batch describes it.

    Attributes:
        rows: the number of rows; of a batch of dictionaries, the number of values.
        columns: the number of columns, the parts of nested columns among them.
        expanded: the bytes of all columns after decompression.
    """

    rows: int
    columns: int
    expanded: int


@contextmanager
def open_feather(stream: pa.NativeFile) -> Iterator[ColumnarFile]:
    """Opens a Feather (Arrow) file.

    Raises:
        UnsafeFileError: if a batch of the file expands too much.
    """
    size = stream.size()
    with pa.ipc.open_file(stream) as file:
        rows = check_batches(stream, size)

        def batches(_columns: list[str], max_rows: int) -> Iterator[pa.RecordBatch]:
            for batch in map(file.get_batch, range(file.num_record_batches)):
                for name, column in zip(batch.schema.names, batch.columns, strict=True):
                    check_column(name, column, size)
                for start in range(0, batch.num_rows, max_rows):
                    yield batch.slice(start, max_rows)

        yield ColumnarFile(file.schema, rows, batches)


def check_batches(stream: pa.NativeFile, size: int) -> int:
    """Refuses a file whose batches expand too much; returns its number of rows.

    Args:
        stream: a file that Arrow has opened.
        size: the bytes of the file.
    """
    try:
        footer = read_footer(stream, size)
        for block in footer.structs(FOOTER_DICTIONARIES, BLOCK):
            dictionary = read_header(stream, block).table(DICTIONARY_DATA)
            check_batch(batch_size(stream, block, dictionary), size)
        sizes = [
            batch_size(stream, block, read_header(stream, block))
            for block in footer.structs(FOOTER_BATCHES, BLOCK)
        ]
    except struct.error as error:
        raise pa.ArrowInvalid(f"a batch is damaged: {error}") from None
    for batch in sizes:
        check_batch(batch, size)
    rows = sum(batch.rows for batch in sizes)
    check_rows(rows, size)
    return rows


def check_batch(batch: BatchSize, size: int) -> None:
    """Raises an `UnsafeFileError` if a batch expands too much."""
    check_size("a batch", batch.expanded, batch.rows * batch.columns, size)


def read_footer(stream: pa.NativeFile, size: int) -> FlatTable:
    """Reads the list of a file's batches."""
    end = size - FOOTER_END
    (length,) = struct.unpack("<i", stream.read_at(4, end))
    data = stream.read_at(length, end - length)
    return FlatTable(data, FlatTable(data, 0).number("<I", 0))


def read_header(stream: pa.NativeFile, block: tuple[Any, ...]) -> FlatTable:
    """Reads the description of a batch of rows or of a dictionary."""
    offset, length, _ = block
    data = stream.read_at(length, offset)
    # Newer files start with a mark, and then the length of the description.
    start = 8 if data[:4] == b"\xff\xff\xff\xff" else 4
    message = FlatTable(data, start + FlatTable(data, 0).number("<I", start))
    return message.table(MESSAGE_HEADER)


def batch_size(
    stream: pa.NativeFile, block: tuple[Any, ...], header: FlatTable
) -> BatchSize:
    """Returns the size of a batch, without expanding the batch."""
    offset, length, _ = block
    place = header.place(BATCH_ROWS)
    rows = 0 if place is None else header.number("<q", place)
    is_compressed = header.place(BATCH_COMPRESSION) is not None
    expanded = 0
    for start, stored in header.structs(BATCH_BUFFERS, BUFFER):
        expanded += stored
        if is_compressed and stored > LENGTH_BYTES:
            head = stream.read_at(LENGTH_BYTES, offset + length + start)
            expanded += max(struct.unpack("<q", head)[0] - stored, 0)
    return BatchSize(rows, len(header.structs(BATCH_NODES, NODE)), expanded)


def check_column(name: str, column: pa.Array, size: int) -> None:
    """Refuses a column whose rows name the same long texts again and again.

    Args:
        name: the column's name.
        column: the cells of some rows.
        size: the bytes of the file.
    """
    if pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
        check_column(name, column.flatten(), size)
    elif pa.types.is_dictionary(column.type):
        check_texts(name, column, size)
    elif pa.types.is_string_view(column.type) or pa.types.is_binary_view(column.type):
        # A view is four numbers of four bytes; the first is the length of the text.
        views = np.frombuffer(column.buffers()[1], "<i4").reshape(-1, 4)
        lengths = views[column.offset : column.offset + len(column), 0]
        if lengths.size and lengths.max() > MAX_CELL_BYTES:
            check_size(f"column '{name}'", int(lengths.sum()), len(column), size)
