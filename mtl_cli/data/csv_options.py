"""The keys `csv.*` of a data set, and the conversion of cells by their rules."""

from collections.abc import Sequence
from typing import Annotated

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, model_validator

from mtl_cli.columns.cells import empty_as_null
from mtl_cli.core.options import Options


class Csv(Options):
    """How the data set's text files are written.

    Attributes:
        delimiter: the character between cells; null is the tab in `.tsv` files and the
            comma in other files.
        columns: the names of the columns, for files whose first line is not a header.
        trim: whether to cut white space at both ends of cells and of column names.
        null_values: the texts that mark a missing value, besides the empty cell; at
            most 1000 characters each.
    """

    delimiter: str | None = None
    columns: Annotated[list[str], Field(min_length=1)] | None = None
    trim: bool = False
    # Arrow calls a function recursively for each character of a null value, so a long
    # null value would overflow the stack.
    null_values: list[Annotated[str, Field(max_length=1000)]] = Field(
        default_factory=list
    )

    @model_validator(mode="after")
    def _check_delimiter(self) -> "Csv":
        delimiter = self.delimiter
        if delimiter is None:
            return self
        # Arrow would cut the number of the sentinel row, a minus and digits, at such a
        # delimiter; see `SENTINEL` in `csv_stream.py`.
        is_refused = delimiter in '"\r\n\0-' or delimiter.isdigit()
        if len(delimiter) != 1 or not delimiter.isascii() or is_refused:
            raise ValueError(
                f"delimiter: {delimiter!r} cannot separate cells; give one ASCII "
                "character, but no quote, minus, digit, NUL or end of a line"
            )
        return self


def convert_cells(cells: pa.Array, dtype: pa.DataType, options: Csv) -> pa.Array:
    """Converts text to a type, by the same rules as Arrow's CSV reader.

    But a number of spaces and tabs alone is empty, as in `as_numbers`.

    Used with `csv.trim`, because Arrow does not cut spaces before it compares a cell
    with `csv.null_values`, and after an error, to find the broken cell. Raises an
    `ArrowInvalid` if a cell cannot be converted.
    """
    text = cells.cast(pa.string())
    if options.trim:
        text = trim_to_null(text, options.null_values)
    if pa.types.is_string(dtype):
        return text
    # Arrow's CSV reader accepts spaces and tabs around a number, but `cast` does not.
    return empty_as_null(pc.ascii_trim(text, " \t")).cast(dtype)


def trim_to_null(
    text: pa.Array | pa.ChunkedArray, null_values: Sequence[str] = ()
) -> pa.Array | pa.ChunkedArray:
    """Cuts the white space at both ends of text cells.

    A cell becomes null if it is then empty or one of `null_values`.
    """
    trimmed = pc.utf8_trim_whitespace(text)
    is_missing = pc.is_in(trimmed, value_set=pa.array(["", *null_values], pa.string()))
    return pc.if_else(is_missing, pa.scalar(None, pa.string()), trimmed)
