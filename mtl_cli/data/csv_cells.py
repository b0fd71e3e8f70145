"""Converts the cells of a CSV file to the types of their columns."""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from mtl_cli.data.csv_options import Csv


def convert_cells(cells: pa.Array, kind: pa.DataType, csv: Csv) -> pa.Array:
    """Returns cells as values of a type, as Arrow's CSV reader converts them.

    Arrow's reader compares cells with `csv.null_values` before it cuts spaces. With
    `csv.trim`, the cells are therefore read as text and converted here.

    Args:
        cells: text or bytes, (rows,).
        kind: the type to convert to.
        csv: the delimiter and other rules by which the file is written.

    Raises:
        pa.ArrowInvalid: if the type cannot hold a cell.
    """
    text = cells.cast(pa.string())
    if csv.trim:
        text = trim(text, csv.null_values)
    if pa.types.is_string(kind):
        return text
    return pc.ascii_trim(text, " \t").cast(kind)


def trim(
    text: pa.Array | pa.ChunkedArray, null_values: Sequence[str] = ()
) -> pa.Array | pa.ChunkedArray:
    """Cuts the spaces at both ends of text cells.

    Args:
        text: the cells, (rows,).
        null_values: the texts that mark a missing value, besides the empty cell.

    Returns: the cells without these spaces; null if the remaining text marks a missing
        value.
    """
    trimmed = pc.utf8_trim_whitespace(text)
    missing = pc.is_in(trimmed, value_set=pa.array(["", *null_values], pa.string()))
    return pc.if_else(missing, pa.scalar(None, pa.string()), trimmed)
