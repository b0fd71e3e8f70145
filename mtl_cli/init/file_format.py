"""Detects the format, delimiter and header of a table's file."""

import csv
import re
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from mtl_cli.core.errors import DataError, shown
from mtl_cli.data.csv_header import content_by_signature
from mtl_cli.data.file_formats import COMPRESSED, FORMATS, format_by_ending

# {the first four bytes of a file: its format}. A Feather file begins with ARROW1.
FORMAT_BY_FIRST_BYTES = {b"PAR1": "parquet", b"ARRO": "feather"}
USUAL_DELIMITERS = {"csv": ",", "tsv": "\t"}
DELIMITERS = ",\t;|"
# The delimiter is detected from at most the first lines and bytes of a file.
MAX_LINES = 200
MAX_BYTES = 1 << 18
MIN_EQUAL_SHARE = 0.9  # of the lines, with equally many cells


@dataclass(frozen=True)
class FileFormat:
    """The format of a table's file and, for a text file, its delimiter and columns.

    Attributes:
        name: `parquet`, `feather`, `csv` or `tsv`.
        by_ending: whether the file's ending names the format.
        delimiter: the character between the cells of a text file.
        columns: the names of a text file's columns, spaces around the names included.
        has_header: whether the first line of a text file holds the names.
        trim: whether the spaces around the cells of a text file must be cut.
    """

    name: str
    by_ending: bool
    delimiter: str = ","
    columns: list[str] = field(default_factory=list)
    has_header: bool = True
    trim: bool = False

    @property
    def is_text(self) -> bool:
        """Whether the file holds text, with delimiters between cells."""
        return self.name in USUAL_DELIMITERS


def detect_format(
    path: str, file: Path, columns: list[str] | None, delimiter: str | None
) -> FileFormat:
    """Detects the format of a file by its ending, or by its content.

    The content decides if the ending names no format.

    Args:
        path: the file as the user named it.
        file: the file, or a folder of Parquet files.
        columns: the names of the columns of a text file without a header; an empty
            list to number its columns. None if the first line holds the names.
        delimiter: the delimiter of a text file; None detects the delimiter.

    Raises:
        DataError: if the file is empty, is not text, or does not fit `columns`.
    """
    name = "parquet" if file.is_dir() else format_by_ending(file.name)
    by_ending = name is not None
    if not file.is_dir() and not file.stat().st_size:
        raise DataError(f"'{path}' is empty; expected a header and rows")
    if name is None:
        with file.open("rb") as stream:
            name = FORMAT_BY_FIRST_BYTES.get(stream.read(4), "csv")
    if name not in USUAL_DELIMITERS:
        if columns is not None:
            raise DataError(f"--columns, --no-header: '{path}' is not a text file")
        return FileFormat(name, by_ending)
    check_is_text(path, file)
    lines = read_first_lines(path, file)
    if not lines:
        raise DataError(f"'{path}' has no lines; expected a header and rows")
    detected_delimiter = detect_delimiter(lines, USUAL_DELIMITERS[name])
    if not by_ending and detected_delimiter == "\t":
        name = "tsv"
    delimiter = delimiter or detected_delimiter
    first_cells = next(csv.reader(lines, delimiter=delimiter))
    names = column_names(path, first_cells, columns)
    return FileFormat(name, by_ending, delimiter, names, has_header=columns is None)


def check_is_text(path: str, file: Path) -> None:
    """Refuses a file whose first bytes show an archive or another format.

    Raises:
        DataError: with the format that the file seems to have, and the formats that
            can be read.
    """
    if file.suffix.lower() in COMPRESSED:
        return
    with file.open("rb") as stream:
        content = content_by_signature(stream.read(8))
    if content is not None:
        raise DataError(
            f"'{path}' is not UTF-8 text; it seems to be {content}; unpack it, or save "
            f"it as one of {', '.join(FORMATS)} (.csv and .tsv also with .gz, .zst or "
            ".bz2)"
        )


def read_first_lines(path: str, file: Path) -> list[str]:
    """Reads the first complete lines of a text file, without blank lines.

    Args:
        path: the file as the user named it.
        file: the file.

    Raises:
        DataError: if the first line is too long for a header.
    """
    with pa.input_stream(str(file), compression="detect") as stream:
        block = stream.read(MAX_BYTES)
    # The last line of a full block may be cut off.
    whole_lines = block if len(block) < MAX_BYTES else block[: block.rfind(b"\n") + 1]
    if block.strip() and not whole_lines:
        raise DataError(
            f"the first line of '{path}' has more than {MAX_BYTES:,} bytes; expected a "
            "header, and each row in a line of its own"
        )
    lines = re.split("\r\n|\n|\r", whole_lines.decode("utf-8-sig"))
    return [line for line in lines if line.strip()][:MAX_LINES]


def detect_delimiter(lines: list[str], usual: str) -> str:
    """Returns the first delimiter that cuts most lines into as many cells as the first.

    The first line must have at least two cells. `MIN_EQUAL_SHARE` of the lines must
    have as many.

    Args:
        lines: the first lines of a file.
        usual: the usual delimiter of the file's format. The function tries the usual
            delimiter first, and returns it if no delimiter fits.
    """
    for delimiter in usual + DELIMITERS:
        num_cells = [len(cells) for cells in csv.reader(lines, delimiter=delimiter)]
        num_equal = num_cells.count(num_cells[0])
        if num_cells[0] > 1 and num_equal >= MIN_EQUAL_SHARE * len(num_cells):
            return delimiter
    return usual


def column_names(
    path: str, first_cells: list[str], columns: list[str] | None
) -> list[str]:
    """Returns the names of a text file's columns.

    Args:
        path: the file as the user named it.
        first_cells: the cells of the first line.
        columns: see `detect_format`.

    Raises:
        DataError: if the first line has a single cell, or not one cell per name.
    """
    if columns and len(columns) != len(first_cells):
        raise DataError(
            f"--columns: gives {len(columns)} names, but the first line of '{path}' "
            f"has {len(first_cells)} cells: {' | '.join(first_cells)}"
        )
    if len(first_cells) == 1:
        raise DataError(
            f"'{path}' has one column, {shown(first_cells[0])}; expected cells "
            "separated by commas, tabs, semicolons or bars"
        )
    if columns is None:
        return first_cells
    return columns or [f"column_{i + 1}" for i in range(len(first_cells))]
