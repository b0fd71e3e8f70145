"""Says what is wrong with a row of a CSV file that Arrow refused to read."""

import re
from functools import partial

import pyarrow as pa

from mtl_cli.columns.cells import first_unconvertible_cell
from mtl_cli.core.errors import RowError
from mtl_cli.core.message_text import counted, shown
from mtl_cli.data.arrow_errors import SAVE_AS_UTF8
from mtl_cli.data.column_request import ColumnRequest
from mtl_cli.data.csv_options import Csv, convert_cells
from mtl_cli.data.csv_stream import SENTINEL

OPEN_QUOTE = (
    "has a quote that is never closed, so that the rows after it would be read as one "
    "cell; close the quote, or double it inside a quoted cell"
)


def first_cell_error(
    batch: pa.RecordBatch, first_row: int, request: ColumnRequest, options: Csv
) -> RowError | None:
    """Returns the error about the first row with a cell that cannot be converted.

    The cells of `batch` are bytes. `first_row` is the number of its first row in the
    file, from 0.
    """
    errors = []
    for column, cells in zip(request.columns, batch.columns, strict=True):
        key, dtype = request.keys[column], request.types[column]
        convert = partial(convert_cells, dtype=dtype, options=options)
        row = first_unconvertible_cell(cells, convert)
        if row is None:
            continue
        cell = cells[row].as_py()
        if SENTINEL.encode() in cell:
            problem = OPEN_QUOTE
        elif pa.types.is_string(dtype):
            problem = f"is not UTF-8; {SAVE_AS_UTF8}"
        else:
            fix = "correct the cell"
            if key.endswith(".label"):
                fix += "; or, if the labels are words, name them in `positive:` or "
                fix += "`classes:`"
            elif ".features." in key:
                fix += "; or, if the column is meant to be text, set the feature's "
                fix += "kind to sparse"
            text = shown(cell.decode(errors="replace"))
            problem = f"holds {text}, not a number; {fix}"
        errors.append(RowError(f"{key}: column '{column}'", first_row + row, problem))
    return min(errors, key=lambda error: error.row, default=None)


def ragged_row_problem(ragged: re.Match[str]) -> str:
    """Returns what is wrong with the row of an error that `RAGGED_ROW` matches."""
    if SENTINEL in ragged["text"]:
        return OPEN_QUOTE
    text, cells = ragged["text"].rstrip("\r\n"), counted(int(ragged["cells"]), "cell")
    return (
        f"is {shown(text)}, which has {cells} instead of {int(ragged['columns']):,}; "
        "add or remove cells, quote the cells that hold the delimiter, or close an "
        "open quote"
    )
