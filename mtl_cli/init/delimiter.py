"""Detects the delimiter of a text file."""

import csv
import re

from mtl_cli.core.errors import DataError
from mtl_cli.core.message_text import shown
from mtl_cli.data.csv_header import read_first_bytes, read_header
from mtl_cli.data.csv_options import Csv
from mtl_cli.data.files import Files
from mtl_cli.init.arguments import NUMBERED_COLUMNS

DELIMITERS = [",", "\t", ";", "|"]
# The delimiter is detected from at most this number of lines, and at most this number
# of bytes at the start of a file. The `csv` module refuses a cell of more characters.
MAX_LINES = 200
MAX_BYTES = 1 << 17
# The share of the lines that must have as many cells as the first line.
MIN_EQUAL_SHARE = 0.9
# An object, or a list of objects; a file from Windows may begin with the mark of UTF-8.
JSON_START = re.compile(rb'(\xef\xbb\xbf)?\s*(\{\s*"|\[\s*\{)')


def detect_csv_options(files: Files, columns: list[str] | None) -> Csv:
    """Returns the keys `dataset.csv.*` of a text file, with the detected delimiter.

    `columns` are the names of the columns, or `NUMBERED_COLUMNS`, if the file has no
    header; None if the first line holds the names. A file with a single column, or with
    another number of columns, is refused.
    """
    with files.system.open_input_stream(files.paths[0]) as stream:
        start = read_first_bytes(stream)
    # Without a header, the first line is a row, and a cell may hold JSON.
    if columns is None and JSON_START.match(start):
        raise DataError(
            f"{files.key}: '{files.name}' holds JSON; save its records as CSV or "
            "Parquet, with one column per field"
        )
    usual = "\t" if files.format == "tsv" else ","
    delimiter = detect_delimiter(whole_lines(start), usual)
    first_cells = read_header(start, delimiter)
    if columns == NUMBERED_COLUMNS:
        columns = [f"column_{i + 1}" for i in range(len(first_cells))]
    if columns is not None and len(columns) != len(first_cells):
        raise DataError(
            f"--columns: gives {len(columns)} names, but the first line of "
            f"'{files.name}' has {len(first_cells)} cells: {' | '.join(first_cells)}; "
            "give one name per cell"
        )
    if len(first_cells) == 1:
        raise DataError(
            f"{files.key}: '{files.name}' has one column, {shown(first_cells[0])}; "
            "expected cells separated by commas, tabs, semicolons or bars"
        )
    return Csv(delimiter=None if delimiter == usual else delimiter, columns=columns)


def whole_lines(start: bytes) -> list[str]:
    """Returns the whole lines within the first `MAX_BYTES`, without blank lines."""
    start = start[:MAX_BYTES]
    # Bytes that are not UTF-8 are replaced here, and refused when the file is read.
    lines = re.split("\r\n|\n|\r", start.decode("utf-8-sig", "replace"))
    if len(start) == MAX_BYTES and len(lines) > 1:
        lines.pop()  # the end of the last line may be missing
    return [line for line in lines if line.strip()][:MAX_LINES]


def detect_delimiter(lines: list[str], usual: str) -> str:
    """Returns the first delimiter that splits nearly all lines into equally many cells.

    The first line must have at least two cells. The usual delimiter is tried first, and
    is returned if no delimiter fits.
    """
    for delimiter in [usual, *DELIMITERS] if lines else []:
        lengths = [len(cells) for cells in csv.reader(lines, delimiter=delimiter)]
        num_equal = lengths.count(lengths[0])
        if lengths[0] > 1 and num_equal >= MIN_EQUAL_SHARE * len(lengths):
            return delimiter
    return usual
