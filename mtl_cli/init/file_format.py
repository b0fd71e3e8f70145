"""Detects how the file of a table is written."""

import csv
import re
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from mtl_cli.core.errors import DataError
from mtl_cli.data.files import format_by_ending

FIRST_BYTES = {b"PAR1": "parquet", b"ARRO": "feather"}
USUAL_DELIMITERS = {"csv": ",", "tsv": "\t"}
DELIMITERS = ",\t;|"
LINES = 200
BYTES = 1 << 18


@dataclass(frozen=True)
class FileFormat:
    """How the files of a data set are written.

    Attributes:
        name: `parquet`, `feather`, `csv` or `tsv`.
        by_ending: whether the file's ending names the format.
        delimiter: the character between the cells of a text file.
        columns: the names of a text file's columns, with spaces around them if any.
        has_header: whether the first line of a text file holds the names.
        trim: whether cells of a text file begin or end with spaces. The spaces are cut.
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
    path: str, file: Path, columns: list[str] | None, delimiter: str | None = None
) -> FileFormat:
    """Returns the format of a file, by its ending or else by its content.

    Args:
        path: the file as the user named it.
        file: the file, or a folder of Parquet files.
        columns: the names of the columns of a text file without a header, an empty list
            to number the columns, None if the first line holds the names.
        delimiter: the delimiter of a text file, if it is known.
    """
    name = "parquet" if file.is_dir() else format_by_ending(file.name)
    by_ending = name is not None
    if not file.is_dir() and not file.stat().st_size:
        raise DataError(f"'{path}' is empty; expected a header and rows")
    if name is None:
        with file.open("rb") as stream:
            name = FIRST_BYTES.get(stream.read(4), "csv")
    if name not in USUAL_DELIMITERS:
        if columns is not None:
            raise DataError(f"--columns, --no-header: '{path}' is no text file")
        return FileFormat(name, by_ending)
    lines = first_lines(file)
    if not lines:
        raise DataError(f"'{path}' has no lines; expected a header and rows")
    detected = detect_delimiter(lines, USUAL_DELIMITERS[name])
    if not by_ending and detected == "\t":
        name = "tsv"
    delimiter = delimiter or detected
    first_cells = next(csv.reader(lines, delimiter=delimiter))
    if columns and len(columns) != len(first_cells):
        raise DataError(
            f"--columns: gives {len(columns)} names, but the first line of '{path}' is "
            f"cut into {len(first_cells)}: {' | '.join(first_cells)}"
        )
    if len(first_cells) == 1:
        raise DataError(
            f"'{path}' has one column, '{first_cells[0]}'; expected cells separated by "
            "commas, tabs, semicolons or bars"
        )
    numbered = [f"column_{i + 1}" for i in range(len(first_cells))]
    names = first_cells if columns is None else columns or numbered
    return FileFormat(name, by_ending, delimiter, names, columns is None)


def first_lines(file: Path) -> list[str]:
    """Returns the first whole lines of a text file that are not blank."""
    with pa.input_stream(str(file), compression="detect") as stream:
        block = stream.read(BYTES)
    whole_lines = block if len(block) < BYTES else block[: block.rfind(b"\n") + 1]
    lines = re.split("\r\n|\n|\r", whole_lines.decode("utf-8-sig"))
    return [line for line in lines if line.strip()][:LINES]


def detect_delimiter(lines: list[str], usual: str) -> str:
    """Returns the delimiter that cuts most lines into as many cells as the first line.

    Args:
        lines: the first lines of a file.
        usual: the usual delimiter of the file's format, which is tried first and
            returned if none fits.
    """
    for delimiter in usual + DELIMITERS:
        sizes = [len(cells) for cells in csv.reader(lines, delimiter=delimiter)]
        if sizes[0] > 1 and sizes.count(sizes[0]) >= 0.9 * len(sizes):
            return delimiter
    return usual
