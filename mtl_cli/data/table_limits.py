"""Refuses files of tables whose rows would fill the memory."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mtl_cli.columns.arrow_types import is_text
from mtl_cli.core.other_files import MAX_RATIO, UnsafeFileError

# A part of a file is refused only if it breaks three limits at once: it expands to more
# than `MAX_EXPANDED_BYTES`, to more than `MAX_RATIO` times the size of the file, and to
# more than `MAX_CELL_BYTES` per cell on average. An honest file keeps one of the
# limits, because a file that compresses well has short cells, and a file with long
# cells is large.
MAX_EXPANDED_BYTES = 1 << 28
MAX_CELL_BYTES = 256
ITEM_BYTES = 8  # of an item of a list: an int64, a float64, or the offset of a text
# A table of more than `MANY_ROWS` rows is refused if it has more than
# `MAX_ROWS_PER_BYTE` rows for each byte of the file. The rows of such a table hardly
# differ, but each row takes memory and disk space.
MANY_ROWS = 10_000_000
MAX_ROWS_PER_BYTE = 10


def check_size(
    part_name: str, expanded_bytes: int, num_cells: int, file_bytes: int
) -> None:
    limits = MAX_EXPANDED_BYTES, MAX_RATIO * file_bytes, MAX_CELL_BYTES * num_cells
    if expanded_bytes > max(limits):
        raise UnsafeFileError(
            f"has {file_bytes:,} bytes, but {part_name} expands to "
            f"{expanded_bytes:,} bytes in {num_cells:,} cells; at most "
            f"{max(limits):,} bytes are read: shorten long cells, or remove their "
            "columns from the file"
        )


def check_texts(name: str, column: pa.Array, file_bytes: int) -> None:
    """Refuses texts that would fill the memory if each row had its own copy.

    A row of the column holds only a reference to its text: an index in a dictionary, or
    a view. Thus many rows can refer to one text, or to one list of a dictionary.
    """
    is_dictionary = pa.types.is_dictionary(column.type)
    values = column.dictionary if is_dictionary else column
    lengths = text_lengths(values)
    if is_dictionary and lengths is None and not pa.types.is_primitive(values.type):
        values.validate(full=True)  # the size of a damaged list may crash the process
        sizes = [values.slice(i, 1).nbytes for i in range(len(values))]
        lengths = pa.array(sizes, pa.int64())
    if lengths is None or (pc.max(lengths).as_py() or 0) <= MAX_CELL_BYTES:
        return  # no text exceeds the limit, so their mean does not exceed it either
    if is_dictionary:
        lengths = lengths.take(column.indices)
    expanded_bytes = pc.sum(lengths).as_py() or 0
    check_size(f"column '{name}'", expanded_bytes, len(column), file_bytes)


def longest_text_bytes(values: pa.Array) -> int:
    """Returns 0 if the values are not text."""
    lengths = text_lengths(values)
    return 0 if lengths is None else int(pc.max(lengths).as_py() or 0)


def text_lengths(values: pa.Array) -> pa.Array | None:
    """Returns the length of each text in bytes; None if the values are not text."""
    types = pa.types
    if types.is_string_view(values.type) or types.is_binary_view(values.type):
        # A view is four numbers of four bytes; the first is the length of the text.
        views = np.frombuffer(values.buffers()[1], "<i4").reshape(-1, 4)
        lengths = pa.array(views[values.offset :][: len(values), 0], pa.int64())
        return pc.if_else(values.is_valid(), lengths, 0)
    is_binary = types.is_binary(values.type) or types.is_large_binary(values.type)
    if not is_text(values.type) and not is_binary:
        return None
    return pc.binary_length(values).cast(pa.int64())


def check_rows(num_rows: int, file_bytes: int) -> None:
    """Refuses a file with too many rows, or lines of text, for its size."""
    if num_rows > max(MANY_ROWS, MAX_ROWS_PER_BYTE * file_bytes):
        raise UnsafeFileError(
            f"has {file_bytes:,} bytes, but {num_rows:,} rows or more; at most "
            f"{MAX_ROWS_PER_BYTE} rows for each byte are read: write fewer rows, "
            "and no empty lines"
        )
