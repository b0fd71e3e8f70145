"""Refuses leaves of a Parquet file that would fill the memory, without reading them.

The footer of a Parquet file says how large its columns are, but a forged footer may
name any size. Arrow trusts the header of each page instead, so this module reads the
headers. The headers are written in Thrift's compact protocol.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet

from mtl_cli.core.other_files import UnsafeFileError
from mtl_cli.data.table_limits import ITEM_BYTES, check_size

FIRST_HEADER_BYTES = 256  # most headers are shorter; more bytes are read if needed
MAX_HEADER_BYTES = 16 << 20  # Arrow has the same limit
MAX_DEPTH = 16  # of nested structures in a header
MAX_PAGES = 100_000  # of a column in a row group; a usual page has 20,000 rows or 1 MB
# The numbers of fields of a header. The encoding of values is a field in another field,
# of pages of version 1 or of version 2.
UNCOMPRESSED_SIZE, COMPRESSED_SIZE = (2,), (3,)
ENCODINGS = (5, 2), (8, 4)
DICTIONARY_ENCODINGS = (2, 8)  # a cell is an index in the dictionary of its row group
DELTA_BYTE_ARRAY = 7  # a cell repeats the beginning of the cell before
DAMAGED_PAGE = "has a damaged page; write the file again"
# The types of Thrift's compact protocol.
STOP, TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET = range(11)
STRUCT = 12


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


def check_text_leaf(
    stream: pa.NativeFile, metadata: pyarrow.parquet.FileMetaData, leaf_index: int
) -> None:
    """Refuses a leaf of texts whose decompressed pages would fill the memory."""
    path = metadata.schema.column(leaf_index).path
    chunks = list(column_chunks(metadata, leaf_index))
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


class PageHeader(NamedTuple):
    """The sizes and the encodings of a page, read from its header.

    Attributes:
        uncompressed_bytes: the size after decompression.
        stored_bytes: the size in the file, including the header.
        encodings: Parquet's numbers of the encodings; a forged header may name two.
    """

    uncompressed_bytes: int
    stored_bytes: int
    encodings: set[int]


def page_bytes(stream: pa.NativeFile, chunk: Any) -> int:
    """Returns the size of the pages of a column in a row group, when decompressed.

    The chunk is the `pyarrow.parquet.ColumnChunkMetaData` of the column. Refuses pages
    whose texts may be longer than their bytes, and that `longest_texts` of
    `parquet_file` does not see: it reads the dictionary only if the first page uses it.
    """
    if not chunk.num_values:  # Arrow writes the place 0 for pages that do not exist
        return 0
    position = chunk.data_page_offset
    if chunk.has_dictionary_page and chunk.dictionary_page_offset:
        position = min(position, chunk.dictionary_page_offset)
    end = position + chunk.total_compressed_size
    total_bytes = num_pages = 0
    has_plain_page = False
    while position < end:
        page = page_header(stream, position)
        uses_dictionary = not page.encodings.isdisjoint(DICTIONARY_ENCODINGS)
        if DELTA_BYTE_ARRAY in page.encodings or (uses_dictionary and has_plain_page):
            raise UnsafeFileError(
                f"has a column '{chunk.path_in_schema}' with an encoding that may "
                "expand without end; write the file in another way, such as by pandas"
            )
        has_plain_page |= bool(page.encodings.difference(DICTIONARY_ENCODINGS))
        total_bytes += page.uncompressed_bytes
        position += page.stored_bytes
        num_pages += 1
        if num_pages > MAX_PAGES:
            raise UnsafeFileError(
                f"has a column '{chunk.path_in_schema}' with more than {MAX_PAGES:,} "
                "pages in a row group; write the file with larger pages"
            )
    return total_bytes


def page_header(stream: pa.NativeFile, position: int) -> PageHeader:
    """Reads the header of a page."""
    num_bytes = FIRST_HEADER_BYTES
    while num_bytes <= MAX_HEADER_BYTES:
        stream.seek(position)
        reader = HeaderReader(stream.read(num_bytes))
        try:
            fields = reader.read_struct()
        except CutHeaderError:
            num_bytes *= 16
            continue
        uncompressed = fields.get(UNCOMPRESSED_SIZE, -1)
        compressed = fields.get(COMPRESSED_SIZE, -1)
        if uncompressed < 0 or compressed < 0:
            break
        encodings = {fields[key] for key in ENCODINGS if key in fields}
        return PageHeader(uncompressed, reader.position + compressed, encodings)
    raise UnsafeFileError(DAMAGED_PAGE)


class CutHeaderError(Exception):
    """The bytes that were read end before the header does."""


class HeaderReader:
    """Reads a structure in Thrift's compact protocol at the start of some bytes.

    All methods raise a `CutHeaderError` if the bytes end too early, and an
    `UnsafeFileError` if the structure is damaged.
    """

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.position = 0

    def read_struct(self, path: tuple[int, ...] = ()) -> dict[tuple[int, ...], int]:
        """Reads a structure, and returns the values of its fields of type I32.

        `path` has the numbers of the fields that hold the structure, and 0 for a list.
        The keys of the result begin with it.
        """
        if len(path) > MAX_DEPTH:
            raise UnsafeFileError(DAMAGED_PAGE)
        values: dict[tuple[int, ...], int] = {}
        number = 0  # of the field
        while (head := self.read_byte()) != STOP:
            # The distance from the last field's number, or 0 if the number follows.
            step = head >> 4
            kind = head & 15
            number = number + step if step else self.read_signed(bits=16)
            if kind == I32:
                values[*path, number] = self.read_signed(bits=32)
            elif kind == STRUCT:
                values |= self.read_struct((*path, number))
            elif kind not in (TRUE, FALSE):  # the type of a boolean is its value
                self.skip(kind, path)
        return values

    def skip(self, kind: int, path: tuple[int, ...]) -> None:
        if kind in (TRUE, FALSE, BYTE):
            self.move(1)
        elif kind in (I16, I32, I64):
            self.read_integer()
        elif kind == DOUBLE:
            self.move(8)
        elif kind == BINARY:
            self.move(self.read_integer())
        elif kind in (LIST, SET) and len(path) < MAX_DEPTH:
            head = self.read_byte()
            count = head >> 4 if head >> 4 < 15 else self.read_integer()
            for _ in range(count):
                self.skip(head & 15, (*path, 0))
        elif kind == STRUCT:
            self.read_struct((*path, 0))
        else:  # no header of a page holds a map
            raise UnsafeFileError(DAMAGED_PAGE)

    def read_byte(self) -> int:
        self.move(1)
        return self.content[self.position - 1]

    def read_integer(self) -> int:
        """Reads a number: 7 bits in each byte, the lowest first."""
        value = shift = 0
        has_more_bytes = True
        while has_more_bytes:
            byte = self.read_byte()
            value |= (byte & 127) << shift
            has_more_bytes = byte >= 128  # the highest bit is set
            shift += 7
            if shift > 70:  # more than 64 bits
                raise UnsafeFileError(DAMAGED_PAGE)
        return value

    def read_signed(self, bits: int) -> int:
        """Reads a signed number: 0, 1, 2, 3, ... stand for 0, -1, 1, -2, ...

        A number of more bits is refused, because Arrow would ignore the other bits.
        """
        number = self.read_integer()
        if number >> bits:
            raise UnsafeFileError(DAMAGED_PAGE)
        return (number >> 1) ^ -(number & 1)

    def move(self, num_bytes: int) -> None:
        self.position += num_bytes
        if self.position > len(self.content):
            raise CutHeaderError
