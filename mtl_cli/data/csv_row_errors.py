"""Finds the broken row of a CSV file that Arrow refused to read.

Arrow reads with several threads, and then does not know the number of the row that it
refuses. So the file is read again after an error, with one thread: once to find a cell
that cannot be converted, and if Arrow fails again, once more to find a row that is not
as long as the header.
"""

from collections.abc import Iterable
from contextlib import suppress
from typing import Protocol

import pyarrow as pa
import pyarrow.csv

from mtl_cli.core.errors import DataError, RowError, shown
from mtl_cli.data.column_request import ColumnRequest
from mtl_cli.data.csv_cells import convert_cells
from mtl_cli.data.csv_options import Csv

# The cell of the row that is added after the last row, see `StreamWithSentinel`. The
# cell is valid both as text and as a number.
SENTINEL = "-8765432109876543"
NEVER_CLOSED = "is a quote never closed?"


class ByteStream(Protocol):
    """An open file of bytes."""

    def read(self, size: int, /) -> bytes:
        """Returns the next bytes, at most `size`."""


def cell_error(
    path: str, request: ColumnRequest, csv: Csv, batches: Iterable[pa.RecordBatch]
) -> DataError | None:
    """Returns the error about the first cell that cannot be converted.

    Args:
        path: the file's path in messages.
        request: the columns that are read, and their types.
        csv: the delimiter and other rules by which the file is written.
        batches: the rows of the requested columns, all cells as bytes.

    Returns: None if all cells can be converted.
    """
    first_row = 0
    for batch in batches:
        for (column, key), cells in zip(
            request.keys.items(), batch.columns, strict=True
        ):
            kind = request.types[column]
            row = first_failure(cells, kind, csv)
            if row is not None:
                problem = "is not UTF-8; save the file as UTF-8"
                if not pa.types.is_string(kind):
                    problem = not_a_number_message(cells[row].as_py(), key)
                error = RowError(f"{key}: column '{column}'", first_row + row, problem)
                return DataError(f"{error} [{path}]")
        first_row += batch.num_rows
    return None


def first_failure(cells: pa.Array, kind: pa.DataType, csv: Csv) -> int | None:
    """Returns the index of the first cell that cannot be converted to a type.

    Args:
        cells: the cells as bytes, (rows,).
        kind: the type.
        csv: the delimiter and other rules by which the file is written.

    Returns: None if all cells can be converted.
    """
    if can_convert(cells, kind, csv):
        return None
    low, high = 0, len(cells)  # the first failure is in cells[low:high]
    while high - low > 1:
        middle = (low + high) // 2
        if can_convert(cells[low:middle], kind, csv):
            low = middle
        else:
            high = middle
    return low


def can_convert(cells: pa.Array, kind: pa.DataType, csv: Csv) -> bool:
    """Whether all cells can be converted to a type."""
    try:
        convert_cells(cells, kind, csv)
    except pa.ArrowInvalid:
        return False
    return True


def not_a_number_message(cell: bytes, key: str) -> str:
    """Returns the problem of a cell that is not a number, and the remedy.

    Args:
        cell: the cell.
        key: the configuration's key that asks for the column.
    """
    if b"\n" in cell:
        fix = NEVER_CLOSED
    elif key.endswith(".label"):
        fix = (
            "a regression needs numbers; if the labels are words, name the word that "
            "counts as 1 in `positive:`, or all words in `classes:`"
        )
    elif ".features." in key:
        fix = "correct or empty the cell, or make it kind: sparse"
    else:
        fix = "correct the cell"
    return f"holds {shown(cell.decode(errors='replace'))}, not a number; {fix}"


def ragged_row(
    stream: ByteStream, num_columns: int, delimiter: str, block_bytes: int
) -> tuple[int, str] | None:
    """Finds the first row whose number of cells differs from the number of columns.

    Args:
        stream: the file, opened at its start.
        num_columns: the number of columns.
        delimiter: the character between cells.
        block_bytes: the number of bytes that Arrow reads at once.

    Returns: the row's index in the file, where a header is row 0; and what is wrong
        with the row and how to mend it. None if there is no such row.
    """
    ragged: list[pyarrow.csv.InvalidRow] = []

    def stop_at(row: pyarrow.csv.InvalidRow) -> str:
        ragged.append(row)
        return "error"

    names = [str(i) for i in range(num_columns)]
    # Arrow raises ArrowInvalid after `stop_at`.
    with (
        suppress(pa.ArrowInvalid),
        pyarrow.csv.open_csv(
            stream,
            read_options=pyarrow.csv.ReadOptions(
                use_threads=False,
                block_size=block_bytes,
                column_names=names,
                # Arrow decodes a row before it calls `stop_at`: any bytes are Latin-1.
                encoding="latin-1",
            ),
            parse_options=pyarrow.csv.ParseOptions(
                delimiter=delimiter,
                newlines_in_values=True,
                invalid_row_handler=stop_at,
            ),
            convert_options=pyarrow.csv.ConvertOptions(
                include_columns=names[:1], column_types={names[0]: pa.string()}
            ),
        ) as reader,
    ):
        for _ in reader:
            pass
    if not ragged:
        return None
    row = ragged[0]
    text = row.text.encode("latin-1").decode(errors="replace")
    text = text.partition(SENTINEL)[0].rstrip("\n")
    fix = "add or remove cells, or quote those that hold the delimiter"
    if text.count('"') % 2:
        fix = NEVER_CLOSED
    return row.number - 1, (
        f"is {shown(text)}: Expected {row.expected_columns} columns, got "
        f"{row.actual_columns}; {fix}"
    )
