"""Refuses files of tables whose rows would fill the memory."""

import pyarrow as pa
import pyarrow.compute as pc

from mtl_cli.core.other_files import MAX_RATIO, UnsafeFileError

# A part of a file is refused only if it breaks three limits at once: it expands to more
# than `MAX_EXPANDED_BYTES`, to more than `MAX_RATIO` times the size of the file, and to
# more than `MAX_CELL_BYTES` per cell on average. An honest file that compresses well
# has short cells, and an honest file with long cells is large.
MAX_EXPANDED_BYTES = 1 << 28
MAX_CELL_BYTES = 256
# A table of more than `MANY_ROWS` rows is refused if it has more than
# `MAX_ROWS_PER_BYTE` rows for each byte of the file. The rows of such a table hardly
# differ, but each row takes memory and disk space.
MANY_ROWS = 10_000_000
MAX_ROWS_PER_BYTE = 10


def check_texts(name: str, column: pa.DictionaryArray, file_bytes: int) -> None:
    """Refuses texts that would fill the memory if each row had its own copy."""
    if longest_text_bytes(column.dictionary) > MAX_CELL_BYTES:
        lengths = pc.binary_length(column.dictionary).cast(pa.int64())
        expanded_bytes = pc.sum(lengths.take(column.indices)).as_py() or 0
        check_size(f"column '{name}'", expanded_bytes, len(column), file_bytes)


def longest_text_bytes(values: pa.Array) -> int:
    """Returns the length of the longest text in bytes; 0 if the values are not text."""
    if not (pa.types.is_string(values.type) or pa.types.is_binary(values.type)):
        return 0
    return int(pc.max(pc.binary_length(values)).as_py() or 0)


def check_rows(num_rows: int, file_bytes: int) -> None:
    """Refuses a file with too many rows, or lines of text, for its size."""
    if num_rows > max(MANY_ROWS, MAX_ROWS_PER_BYTE * file_bytes):
        raise UnsafeFileError(
            f"has {file_bytes:,} bytes, but {num_rows:,} rows or more; at most "
            f"{MAX_ROWS_PER_BYTE} rows for each byte are read: write fewer rows, "
            "and no empty lines"
        )


def check_size(part: str, expanded_bytes: int, num_cells: int, file_bytes: int) -> None:
    """Refuses a part of a file whose cells break all three limits in memory."""
    limits = MAX_EXPANDED_BYTES, MAX_RATIO * file_bytes, MAX_CELL_BYTES * num_cells
    if expanded_bytes > max(limits):
        raise UnsafeFileError(
            f"has {file_bytes:,} bytes, but {part} expands to {expanded_bytes:,} bytes "
            f"in {num_cells:,} cells; at most {max(limits):,} bytes are read: remove "
            "columns of long cells from the file"
        )
