"""Says what is wrong with a row of a CSV file that Arrow refused to read."""

import re
from functools import partial

import pyarrow as pa

from mtl_cli.columns.cells import first_unconvertible_cell
from mtl_cli.columns.spreadsheet_numbers import plain_number_fix
from mtl_cli.core.errors import RowError
from mtl_cli.core.message_text import counted, shown
from mtl_cli.data.arrow_errors import CUT, SAVE_AS_UTF8
from mtl_cli.data.column_request import ColumnRequest
from mtl_cli.data.csv_options import Csv, convert_cells
from mtl_cli.data.csv_stream import SENTINEL

CHECK_QUOTES = "check whether a quote is never closed"
IF_TEXT = "if the column is meant to be text, set the feature's kind to sparse"
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
            fix += f"; or, {IF_TEXT}"
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
        fix = f"correct or empty the cell; or, {IF_TEXT}"
    else:
        fix = "correct the cell"
    return f"holds {shown(text)}, not a number; {fix}"


def ragged_row_problem(ragged: re.Match[str], sentinel_row: bytes) -> str:
    """Returns what is wrong with a row that has too many or too few cells.

    Args:
        ragged: Arrow's error about the row, as `RAGGED_ROW` matches it.
        sentinel_row: the bytes of the sentinel row, see `StreamWithSentinel`.
    """
    # After an open quote, the sentinel row is a part of this row: cut it off.
    start_of_sentinel_row = sentinel_row.decode().partition(SENTINEL)[0] + SENTINEL
    text = ragged["text"].partition(start_of_sentinel_row)[0].rstrip("\r\n")
    fix = "add or remove cells, or quote the cells that hold the delimiter"
    has_open_quote = text.count('"') % 2 == 1
    if text.endswith(CUT):
        fix += f"; or {CHECK_QUOTES}"
    elif has_open_quote:
        fix = CHECK_QUOTES
    cells, num_columns = counted(int(ragged["cells"]), "cell"), int(ragged["columns"])
    return f"is {shown(text)}, which has {cells} instead of {num_columns:,}; {fix}"
