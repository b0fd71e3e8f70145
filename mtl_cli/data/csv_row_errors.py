"""Says what is wrong with a row of a CSV file that Arrow refused to read.

A record is a row or the header. A record spans several lines of the file if one of its
cells holds a line break.
"""

from collections.abc import Callable
from contextlib import suppress
from functools import partial

import pyarrow as pa
import pyarrow.csv

from mtl_cli.columns.cells import first_unconvertible_cell
from mtl_cli.columns.spreadsheet_numbers import plain_number_fix
from mtl_cli.core.errors import RowError
from mtl_cli.core.message_text import shown
from mtl_cli.data.arrow_errors import SAVE_AS_UTF8
from mtl_cli.data.column_request import ColumnRequest
from mtl_cli.data.csv_options import Csv, convert_cells
from mtl_cli.data.csv_stream import StreamWithSentinel

CHECK_QUOTES = "check whether a quote is never closed"
OPEN_QUOTE = (
    "has a quote that is never closed, so that the rows after it would be read as one "
    "cell; close the quote, or double it inside a quoted cell"
)


def first_cell_error(
    batch: pa.RecordBatch,
    first_row: int,
    request: ColumnRequest,
    options: Csv,
    sentinel_row: bytes,
) -> RowError | None:
    """Returns the error about the first row with a cell that cannot be converted.

    Args:
        batch: the requested columns of some rows, with cells of bytes.
        first_row: the number of the batch's first row in the file, from 0.
        request: the columns, with their keys and types.
        options: the keys `dataset.csv.*`.
        sentinel_row: the bytes of the sentinel row, see `StreamWithSentinel`.

    Returns: an error about a row of the batch; None if all cells can be converted.
    """
    errors = []
    for column, cells in zip(request.columns, batch.columns, strict=True):
        key, dtype = request.keys[column], request.types[column]
        convert = partial(convert_cells, dtype=dtype, options=options)
        row = first_unconvertible_cell(cells, convert)
        if row is None:
            continue
        cell = cells[row].as_py()
        if sentinel_row in cell:
            problem = OPEN_QUOTE
        elif pa.types.is_string(dtype):
            problem = f"is not UTF-8; {SAVE_AS_UTF8}"
        else:
            problem = not_a_number_message(cell, key)
        errors.append(RowError(f"{key}: column '{column}'", first_row + row, problem))
    return min(errors, key=lambda error: error.row, default=None)


def not_a_number_message(cell: bytes, key: str) -> str:
    """Returns what is wrong with a cell that is not a number, and how to mend the cell.

    `key` is the configuration's key that names the column.
    """
    text = cell.decode(errors="replace")
    if b"\n" in cell:
        fix = CHECK_QUOTES
    elif number_fix := plain_number_fix(text):
        fix = number_fix
        if ".features." in key:  # the cell may be an address or a phone number
            fix += ", or set the feature's kind to sparse"
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
    return f"holds {shown(text)}, not a number; {fix}"


def find_ragged_record(
    stream: StreamWithSentinel, delimiter: str, block_bytes: int
) -> tuple[int, str] | None:
    """Finds the first record whose number of cells differs from the number of columns.

    Args:
        stream: the bytes of the file from its start on.
        block_bytes: the number of bytes that Arrow reads at a time.

    Returns: the index of the record and what is wrong with the record; None if all
        records have the right number of cells. A header is record 0.
    """
    record = first_invalid_record(stream, delimiter, block_bytes)
    if record is None:
        return None
    # After an open quote, the sentinel row is a part of this record: cut it off.
    content = record.text.encode("latin-1").partition(stream.sentinel_row)[0]
    text = content.decode(errors="replace").rstrip("\r\n")
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
    stream: StreamWithSentinel, delimiter: str, block_bytes: int
) -> pyarrow.csv.InvalidRow | None:
    """Returns the first record with a wrong number of cells, if any.

    The bytes of the record are decoded as Latin-1.
    """
    invalid_records: list[pyarrow.csv.InvalidRow] = []

    def stop_at(record: pyarrow.csv.InvalidRow) -> str:
        invalid_records.append(record)
        return "error"  # Arrow raises ArrowInvalid and stops reading

    with (
        suppress(pa.ArrowInvalid),
        open_record_reader(stream, delimiter, block_bytes, stop_at) as reader,
    ):
        try:
            for _ in reader:
                pass
        finally:
            stream.end()
    return invalid_records[0] if invalid_records else None


def open_record_reader(
    stream: StreamWithSentinel,
    delimiter: str,
    block_bytes: int,
    on_invalid_record: Callable[[pyarrow.csv.InvalidRow], str],
) -> pyarrow.csv.CSVStreamingReader:
    """Opens Arrow's reader for all records, including the header.

    Arrow calls `on_invalid_record` for a record with a wrong number of cells.
    """
    names = [str(i) for i in range(stream.num_columns)]
    return pyarrow.csv.open_csv(
        stream,
        read_options=pyarrow.csv.ReadOptions(
            use_threads=False,
            block_size=block_bytes,
            column_names=names,
            # Arrow decodes a record before it calls `on_invalid_record`. Latin-1
            # decodes any bytes, also the bytes of a file that is not UTF-8.
            encoding="latin-1",
        ),
        parse_options=pyarrow.csv.ParseOptions(
            delimiter=delimiter,
            newlines_in_values=True,
            invalid_row_handler=on_invalid_record,
        ),
        convert_options=pyarrow.csv.ConvertOptions(
            include_columns=names[:1], column_types={names[0]: pa.string()}
        ),
    )
