"""Opens Feather (Arrow) files, and refuses a file that would fill the memory.

A Feather file of a few kilobytes can expand to gigabytes: it can hold compressed zeros,
or refer to one long text in every row. Arrow expands a whole batch of rows at once. So
this module first reads how large each batch will be. A file describes its batches in
the format Flatbuffers, and Arrow does not offer the sizes.
"""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from flatbuffers.number_types import Int64Flags
from flatbuffers.table import Table

from mtl_cli.columns.arrow_types import is_list
from mtl_cli.core.other_files import MAX_RATIO, UnsafeFileError
from mtl_cli.data.columnar_file import ColumnarFile
from mtl_cli.data.table_limits import ITEM_BYTES, check_rows, check_size, check_texts

# A Flatbuffers table has a list of the positions of its fields: the vtable. The field
# with the index i in Arrow's `File.fbs` or `Message.fbs` has the vtable offset 4 + 2 i.
FOOTER_DICTIONARIES, FOOTER_BATCHES = 8, 10
MESSAGE_HEADER = 8
DICTIONARY_DATA = 6
BATCH_ROWS, BATCH_NODES, BATCH_BUFFERS, BATCH_COMPRESSION = 4, 6, 8, 10
# The layouts of Arrow's structs.
# A block: its offset in the file, the length of its description, 4 unused bytes, and
# the length of its body.
BLOCK = "<i8,<i4,V4,<i8"
NODE = "<i8,<i8"  # a column of a batch: number of rows, number of nulls
BUFFER = "<i8,<i8"  # a part of a column: offset in the body, number of bytes
FOOTER_END = 10  # bytes after the footer: its length (4), and the word ARROW1 (6)
# A compressed buffer begins with its length after decompression, in this many bytes.
LENGTH_BYTES = 8
# Arrow expands all columns of a batch, also those that nobody requests. So short cells
# are limited too: a batch over this limit may expand to `MAX_RATIO` times the file.
MAX_BATCH_BYTES = 1 << 30
# A batch, and so a stream of batches, begins with this mark. A file begins with ARROW1.
STREAM_START = b"\xff\xff\xff\xff"


class Block(NamedTuple):
    """Where a file holds a batch of rows or a dictionary.

    A description of `description_bytes` comes first, then the block's body.
    """

    offset: int
    description_bytes: int


@contextmanager
def open_feather(stream: pa.NativeFile) -> Iterator[ColumnarFile]:
    """Opens a Feather (Arrow) file; refuses a file whose batches expand too much."""
    file_bytes = stream.size()
    check_is_file_format(stream.read_at(4, 0))
    with pa.ipc.open_file(stream) as file:
        num_rows = check_batches(stream, file_bytes)
        check_rows(num_rows, file_bytes)

        # Arrow chooses columns when it opens a file, before the caller names the
        # columns. So `_columns` is not used, and each batch is read with all columns.
        def batches(_columns: list[str], max_rows: int) -> Iterator[pa.RecordBatch]:
            for batch in map(file.get_batch, range(file.num_record_batches)):
                for name, column in zip(batch.schema.names, batch.columns, strict=True):
                    check_column(name, column, file_bytes)
                for start in range(0, batch.num_rows, max_rows):
                    yield batch.slice(start, max_rows)

        yield ColumnarFile(file.schema, num_rows, batches)


def check_is_file_format(first_bytes: bytes) -> None:
    """Refuses two formats that often have the ending of a Feather file."""
    if first_bytes == b"FEA1":
        raise UnsafeFileError(
            "is a Feather file of version 1; write it again as version 2, such as by "
            "pandas.read_feather and to_feather"
        )
    if first_bytes == STREAM_START:
        raise UnsafeFileError(
            "is an Arrow stream, not an Arrow file; write it again as a file, such as "
            "by pyarrow.ipc.open_stream and pyarrow.feather.write_feather"
        )


def check_column(name: str, column: pa.Array, file_bytes: int) -> None:
    """Refuses a column if its rows refer to the same long texts too often."""
    if is_list(column.type):
        # In a damaged file, a list may reach beyond its values. `flatten` would then
        # crash the process.
        column.validate(full=True)
        check_column(name, column.flatten(), file_bytes)
    if pa.types.is_dictionary(column.type):
        check_column(name, column.dictionary, file_bytes)
    # Several rows of a column of these types can refer to the same text or list.
    checks = pa.types.is_string_view, pa.types.is_binary_view, pa.types.is_dictionary
    if any(check(column.type) for check in checks):
        check_texts(name, column, file_bytes)


def check_batches(stream: pa.NativeFile, file_bytes: int) -> int:
    """Refuses a batch or dictionary that expands too much; returns the file's rows."""
    num_rows = 0
    try:
        footer = read_footer(stream, file_bytes)
        dictionary_blocks = read_blocks(footer, FOOTER_DICTIONARIES)
        batch_blocks = read_blocks(footer, FOOTER_BATCHES)
        check_blocks(dictionary_blocks + batch_blocks, file_bytes)
        for block in dictionary_blocks:
            dictionary = child(read_description(stream, block), DICTIONARY_DATA)
            check_batch(stream, block, dictionary, file_bytes)
        for block in batch_blocks:
            description = read_description(stream, block)
            num_rows += check_batch(stream, block, description, file_bytes)
    except UnsafeFileError:
        raise
    except (struct.error, TypeError, ValueError) as error:
        raise pa.ArrowInvalid(f"a batch is damaged: {error}") from None
    return num_rows


def check_blocks(blocks: list[Block], file_bytes: int) -> None:
    """Refuses a small file that lists the same long description many times."""
    lengths = [block.description_bytes for block in blocks]
    if min(lengths, default=0) < 0 or sum(lengths) > file_bytes:
        raise ValueError("the lengths of the descriptions do not fit the file")


def read_footer(stream: pa.NativeFile, file_bytes: int) -> Table:
    """Reads the table at the end of a file. The table lists the file's batches."""
    end = file_bytes - FOOTER_END
    (length,) = struct.unpack("<I", stream.read_at(4, end))
    data = stream.read_at(length, end - length)
    # The data start with the position of the table.
    return Table(data, *struct.unpack_from("<I", data))


def read_blocks(footer: Table, vtable_offset: int) -> list[Block]:
    blocks = structs(footer, vtable_offset, BLOCK)
    return [Block(offset, length) for offset, length, *_ in blocks]


def read_description(stream: pa.NativeFile, block: Block) -> Table:
    data = stream.read_at(block.description_bytes, block.offset)
    # The data start with numbers of 4 bytes: a mark, in newer files only; the length of
    # the description; and the distance from this last number to the table.
    start = 8 if data[:4] == b"\xff\xff\xff\xff" else 4
    (distance,) = struct.unpack_from("<I", data, start)
    return child(Table(data, start + distance), MESSAGE_HEADER)


def child(table: Table, vtable_offset: int) -> Table:
    """Returns the table to which a field of a table refers."""
    offset = table.Offset(vtable_offset)
    if not offset:
        raise ValueError("its description is incomplete")
    return Table(table.Bytes, table.Indirect(table.Pos + offset))


def structs(table: Table, vtable_offset: int, layout: str) -> list[tuple[Any, ...]]:
    """Returns the structs in the list to which a field refers; [] without the field."""
    offset = table.Offset(vtable_offset)
    if not offset:
        return []
    start, count = table.Vector(offset), table.VectorLen(offset)
    tuples: list[tuple[Any, ...]] = np.frombuffer(
        table.Bytes, layout, count, start
    ).tolist()
    return tuples


def check_batch(
    stream: pa.NativeFile, block: Block, description: Table, file_bytes: int
) -> int:
    """Refuses a batch that expands too much, unexpanded; returns its rows."""
    num_rows = int(description.GetSlot(BATCH_ROWS, 0, Int64Flags))
    if num_rows < 0:  # would hide rows of other batches in the sum
        raise ValueError(f"it has {num_rows} rows")
    is_compressed = description.Offset(BATCH_COMPRESSION) > 0
    expanded_bytes = 0
    body_offset = block.offset + block.description_bytes
    for start, stored_bytes in structs(description, BATCH_BUFFERS, BUFFER):
        if stored_bytes < 0:  # would hide bytes of other buffers in the sum
            raise ValueError(f"a part of it has {stored_bytes} bytes")
        buffer_bytes = stored_bytes
        if is_compressed and stored_bytes > LENGTH_BYTES:
            length = stream.read_at(LENGTH_BYTES, body_offset + start)
            # The length is -1 for a buffer that is stored as it is.
            buffer_bytes = max(struct.unpack("<q", length)[0], stored_bytes)
        expanded_bytes += buffer_bytes
    # Each part of a nested column, such as the items of lists, counts as a column.
    lengths = [max(length, 0) for length, _ in structs(description, BATCH_NODES, NODE)]
    if expanded_bytes > max(MAX_BATCH_BYTES, MAX_RATIO * file_bytes):
        raise UnsafeFileError(
            f"has {file_bytes:,} bytes, but a batch of {num_rows:,} rows expands to "
            f"{expanded_bytes:,} bytes; write batches of fewer rows, such as by "
            "pandas.DataFrame.to_feather"
        )
    # Items of lists may take less in the file, such as a bit, than when they are read.
    expanded_bytes = max(expanded_bytes, ITEM_BYTES * sum(lengths))
    check_size("a batch", expanded_bytes, num_rows * len(lengths), file_bytes)
    return num_rows
