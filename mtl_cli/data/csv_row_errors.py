"""Says what is wrong with a row of a CSV file that Arrow refused to read.

`CsvFile.find_row_error` in `data/csv_file.py` finds the number of the row.
"""

from contextlib import suppress
from typing import Any

import pyarrow as pa
import pyarrow.csv

from mtl_cli.core.errors import shown

# The first requested cell of the sentinel row, see `csv_file`. The cell is valid both
# as text and as a number, and float64 holds the number exactly.
SENTINEL = "-8765432109876543"
NEVER_CLOSED = "is a quote never closed?"
OPEN_QUOTE = (
    "has a quote that is never closed, so that the rows after it would be read as one "
    "cell; close the quote, or double it inside a quoted cell"
)


def not_a_number_message(cell: bytes, key: str) -> str:
    """Returns what is wrong with a cell of the column that a key of the YAML names."""
    if b"\n" in cell:
        fix = NEVER_CLOSED
    elif key.endswith(".label"):
        fix = (
            "give numbers for a regression; if the labels are words, name the word "
            "that counts as 1 in `positive:`, or all words in `classes:`"
        )
    elif ".features." in key:
        fix = "correct or empty the cell, or set the feature's kind to sparse"
    else:
        fix = "correct the cell"
    return f"holds {shown(cell.decode(errors='replace'))}, not a number; {fix}"


def ragged_row(
    stream: Any, num_columns: int, delimiter: str, block_bytes: int
) -> tuple[int, str] | None:
    """Finds the first line whose number of cells differs from the number of columns.

    The stream is a file of bytes at its start. Arrow reads `block_bytes` at once.

    Returns: the index of the line, counting the header, and what is wrong; or None.
    """
    row = first_invalid_row(stream, num_columns, delimiter, block_bytes)
    if row is None:
        return None
    text = row.text.encode("latin-1").decode(errors="replace")
    # An open quote makes the sentinel row a part of this row: leave it out.
    text = text.partition(SENTINEL)[0].rstrip("\n")
    fix = "add or remove cells, or quote the cells that hold the delimiter"
    if text.count('"') % 2:  # an odd number of quotes: one is not closed
        fix = NEVER_CLOSED
    return row.number - 1, (
        f"is {shown(text)}: Expected {row.expected_columns} columns, got "
        f"{row.actual_columns}; {fix}"
    )


def first_invalid_row(
    stream: Any, num_columns: int, delimiter: str, block_bytes: int
) -> pyarrow.csv.InvalidRow | None:
    """Returns the first row with a wrong number of cells, as Latin-1, if any."""
    ragged_rows: list[pyarrow.csv.InvalidRow] = []

    def stop_at(row: pyarrow.csv.InvalidRow) -> str:
        ragged_rows.append(row)
        return "error"  # Arrow raises ArrowInvalid and stops reading

    names = [str(i) for i in range(num_columns)]
    with (
        suppress(pa.ArrowInvalid),
        pyarrow.csv.open_csv(
            stream,
            read_options=pyarrow.csv.ReadOptions(
                use_threads=False,
                block_size=block_bytes,
                column_names=names,
                # Arrow decodes a row before it calls `stop_at`. Latin-1 decodes any
                # bytes, also the bytes of a file that is not UTF-8.
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
    return ragged_rows[0] if ragged_rows else None
