"""Finds the broken row of a CSV file that Arrow refused to read.

Arrow reads quickly with several threads, but then does not know the number of a row.
So after an error the file is read again, slowly: once to find a cell that cannot be
converted, and if Arrow fails again, once more to find a row that is not as long as the
header.
"""

from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from mtl_cli.core.errors import DataError, RowError, shown
from mtl_cli.data.column_request import ColumnRequest

# The cell of a row that is added behind the last row. A column of any type can hold it.
SENTINEL = "-8765432109876543"
NEVER_CLOSED = "is a quote never closed?"


def cell_error(
    path: str, request: ColumnRequest, batches: Iterable[pa.RecordBatch]
) -> DataError | None:
    """Returns the error about the first cell that its column's type cannot hold.

    Args:
        path: the file's path in messages.
        request: the columns that are read.
        batches: the rows of these columns, all cells as bytes.
    """
    first_row = 0
    for batch in batches:
        for (column, key), cells in zip(
            request.keys.items(), batch.columns, strict=True
        ):
            kind = request.types[column]
            row = first_failure(cells, kind)
            if row is not None:
                if pa.types.is_string(kind):
                    reason = "is not UTF-8; save the file as UTF-8"
                else:
                    reason = not_a_number(cells[row].as_py(), key)
                where = f"{key}: column '{column}'"
                return DataError(f"{RowError(where, first_row + row, reason)} [{path}]")
        first_row += batch.num_rows
    return None


def first_failure(cells: pa.Array, kind: pa.DataType) -> int | None:
    """Returns the index of the first cell that a type cannot hold, None without one."""
    if convertible(cells, kind):
        return None
    low, high = 0, len(cells)  # the first failure is in cells[low:high]
    while high - low > 1:
        middle = (low + high) // 2
        if convertible(cells[low:middle], kind):
            low = middle
        else:
            high = middle
    return low


def convertible(cells: pa.Array, kind: pa.DataType) -> bool:
    """Whether a type can hold cells of bytes, as Arrow's CSV reader converts them."""
    try:
        text = cells.cast(pa.string())
        if not pa.types.is_string(kind):
            pc.ascii_trim(text, " \t").cast(kind)
    except pa.ArrowInvalid:
        return False
    return True


def not_a_number(cell: bytes, key: str) -> str:
    """Returns the reason and the remedy for a cell that is not a number."""
    if b"\n" in cell:
        fix = NEVER_CLOSED
    elif key.endswith(".label"):
        fix = "a regression needs numbers; of words say what they mean: `positive:` "
        fix += "the value that counts as 1, or `classes:`"
    elif ".features." in key:
        fix = "correct or empty the cell, or make it kind: sparse"
    else:
        fix = "correct the cell"
    return f"holds {shown(cell.decode(errors='replace'))}, not a number; {fix}"


def ragged_row(
    stream: Any, num_columns: int, delimiter: str, block_bytes: int
) -> tuple[int, str] | None:
    """Returns the first row that has not one cell per column, None without one.

    Returns: the number of the row among all rows of the file, a header included, from
        0; and what is wrong with the row and how to mend it.
    """
    ragged: list[Any] = []

    def keep(row: Any) -> str:
        ragged.append(row)
        return "error"

    names = [str(i) for i in range(num_columns)]
    try:
        with pyarrow.csv.open_csv(
            stream,
            read_options=pyarrow.csv.ReadOptions(
                use_threads=False,
                block_size=block_bytes,
                column_names=names,
                # Arrow decodes a row before it calls `keep`: any bytes are Latin-1.
                encoding="latin-1",
            ),
            parse_options=pyarrow.csv.ParseOptions(
                delimiter=delimiter, newlines_in_values=True, invalid_row_handler=keep
            ),
            convert_options=pyarrow.csv.ConvertOptions(
                include_columns=names[:1], column_types={names[0]: pa.string()}
            ),
        ) as reader:
            for _ in reader:
                pass
    except pa.ArrowInvalid:
        pass
    if not ragged:
        return None
    row = ragged[0]
    text = row.text.encode("latin-1").decode(errors="replace")
    text = text.partition(SENTINEL)[0].rstrip("\n")
    if text.count('"') % 2:
        fix = NEVER_CLOSED
    else:
        fix = "add or remove cells, or quote those that hold the delimiter"
    return row.number - 1, (
        f"is {shown(text)}: Expected {row.expected_columns} columns, got "
        f"{row.actual_columns}; {fix}"
    )
