"""Says what is wrong with a row of a CSV file that Arrow refused to read.

A record is a row or the header. A record spans several lines of the file if one of its
cells holds a line break.
"""

from contextlib import suppress
from typing import Any

import pyarrow as pa
import pyarrow.csv

from mtl_cli.core.errors import shown

# The first requested cell of the sentinel row, see `data/csv_file.py`. The cell is
# valid both as text and as a number, and float64 holds the number exactly.
SENTINEL = "-8765432109876543"
CHECK_QUOTES = "check whether a quote is never closed"
OPEN_QUOTE = (
    "has a quote that is never closed, so that the rows after it would be read as one "
    "cell; close the quote, or double it inside a quoted cell"
)


def not_a_number_message(cell: bytes, key: str) -> str:
    """Returns what is wrong with a cell that is not a number, and how to mend the cell.

    `key` is the configuration's key that names the column.
    """
    if b"\n" in cell:
        fix = CHECK_QUOTES
    elif key.endswith(".label") and cell.strip().lower() in (b"true", b"false"):
        fix = (
            "write 1 and 0; or, for mtl-train, name the word that counts as 1 in "
            "`positive:`"
        )
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


def ragged_record(
    stream: Any, num_columns: int, delimiter: str, block_bytes: int
) -> tuple[int, str] | None:
    """Finds the first record whose number of cells differs from the number of columns.

    `stream` gives the bytes of the file from its start on. Arrow reads `block_bytes` of
    them at a time.

    Returns: the index of the record and what is wrong with the record; None if all
        records have the right number of cells. A header is record 0.
    """
    record = first_invalid_record(stream, num_columns, delimiter, block_bytes)
    if record is None:
        return None
    text = record.text.encode("latin-1").decode(errors="replace")
    # After an open quote, the sentinel row is a part of this record: cut it off.
    text = text.partition(SENTINEL)[0].rstrip("\n")
    has_open_quote = text.count('"') % 2 == 1
    fix = "add or remove cells, or quote the cells that hold the delimiter"
    if has_open_quote:
        fix = CHECK_QUOTES
    cells = "cell" if record.actual_columns == 1 else "cells"
    index = record.number - 1  # Arrow counts records from 1
    return index, (
        f"is {shown(text)}, which has {record.actual_columns} {cells} instead of "
        f"{record.expected_columns}; {fix}"
    )


def first_invalid_record(
    stream: Any, num_columns: int, delimiter: str, block_bytes: int
) -> pyarrow.csv.InvalidRow | None:
    """Returns the first record with a wrong number of cells, if any.

    The bytes of the record are decoded as Latin-1.
    """
    invalid_records: list[pyarrow.csv.InvalidRow] = []

    def stop_at(record: pyarrow.csv.InvalidRow) -> str:
        invalid_records.append(record)
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
                # Arrow decodes a record before it calls `stop_at`. Latin-1 decodes any
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
    return invalid_records[0] if invalid_records else None
