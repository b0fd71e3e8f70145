"""Converts the cells of a CSV file to the types of their columns."""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from mtl_cli.data.csv_options import Csv


def convert_cells(cells: pa.Array, dtype: pa.DataType, options: Csv) -> pa.Array:
    """Converts text to a type, by the same rules as Arrow's CSV reader.

    Arrow's reader converts cells itself, except in two cases:

    - With `csv.trim`. Arrow compares a cell with `csv.null_values` before it cuts
      spaces, so " NA" would not become a missing value.
    - After an error. The cells are converted again to find the broken cell.

    Raises:
        pa.ArrowInvalid: if the type cannot hold a cell.
    """
    text = cells.cast(pa.string())
    if options.trim:
        text = trim(text, options.null_values)
    if pa.types.is_string(dtype):
        return text
    # Arrow's CSV reader accepts spaces and tabs around a number, but `cast` does not.
    return pc.ascii_trim(text, " \t").cast(dtype)


def trim(
    text: pa.Array | pa.ChunkedArray, null_values: Sequence[str] = ()
) -> pa.Array | pa.ChunkedArray:
    """Cuts the spaces at both ends of text cells.

    A cell becomes null if it is then empty or one of `null_values`.
    """
    trimmed = pc.utf8_trim_whitespace(text)
    is_missing = pc.is_in(trimmed, value_set=pa.array(["", *null_values], pa.string()))
    return pc.if_else(is_missing, pa.scalar(None, pa.string()), trimmed)
